import { RequestError } from "../../api-client/http.ts";

/** What the page can show now. Old data is kept while the server is away, but not once the reader is signed out. */
export type Phase = "loading" | "signed-out" | "unreachable" | "empty" | "ready";

export interface QueryFacts {
  readonly hasData: boolean;
  readonly hasNodes: boolean;
  readonly error: Error | null;
}

export function phaseOf({ hasData, hasNodes, error }: QueryFacts): Phase {
  if (error instanceof RequestError && error.failure.kind === "signed-out") return "signed-out";
  if (hasData) return hasNodes ? "ready" : "empty";
  return error === null ? "loading" : "unreachable";
}

/** Data this old is called stale even if no request has failed yet. */
const STALE_AFTER_MS = 6_000;

export function isStale(facts: { readonly live: boolean; readonly failed: boolean; readonly ageMs: number }): boolean {
  return facts.live && (facts.failed || facts.ageMs > STALE_AFTER_MS);
}

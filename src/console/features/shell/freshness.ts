import { RequestError } from "../../api-client/http.ts";

/** What the page can show now. Old data is kept while the server is away, but not once the reader is signed out. */
export type Phase = "loading" | "signed-out" | "unreachable" | "refused" | "empty" | "ready";

export interface QueryFacts {
  readonly hasData: boolean;
  readonly hasNodes: boolean;
  readonly error: Error | null;
}

export function phaseOf({ hasData, hasNodes, error }: QueryFacts): Phase {
  if (error instanceof RequestError && error.failure.kind === "signed-out") return "signed-out";
  if (hasData) return hasNodes ? "ready" : "empty";
  if (error === null) return "loading";
  return isRefusal(error) ? "refused" : "unreachable";
}

/** A refusal is the server's own word; a 5xx may as well be that of a proxy before a server that is away. */
function isRefusal(error: Error): boolean {
  return error instanceof RequestError && error.failure.kind === "refused" && error.failure.status < 500;
}

/** Data this old is called stale even if no request has failed yet. */
const STALE_AFTER_MS = 6_000;

export function isStale(facts: { readonly live: boolean; readonly failed: boolean; readonly ageMs: number }): boolean {
  return facts.live && (facts.failed || facts.ageMs > STALE_AFTER_MS);
}

/** Whether a suggestion does what it should: every recorded call replayed, by the one evaluator. */
import type { AccessPolicy } from "#model";
import {
  compilePolicy,
  decide,
  lowerAccessPolicy,
  type ProvedAttributes,
  type RequestAttributes,
  requestAttributes,
} from "#policy";
import type { CallKind } from "./observed-calls.ts";
import { likePath } from "./operations.ts";

/** Counts of recorded requests. */
export interface Proof {
  /** Of which the suggestion was derived, and which it lets pass. */
  readonly passed: number;
  /** All others, which it denies. */
  readonly refused: number;
  /** Denied ones of a granted caller, of which too little was recorded to say what would become of them. */
  readonly unclear: number;
}

/** Segments that are recorded as `{*}`. */
const SEGMENTS = ["0", "0123456789abcdef"] as const;

/** Throws when the suggestion does not do what it should: that would be a fault of the one who made it. */
export function prove(
  policies: readonly AccessPolicy[],
  { granted, others }: { readonly granted: readonly CallKind[]; readonly others: readonly CallKind[] },
  proved: ProvedAttributes,
): Proof {
  const place = { isBelow: false, depth: 0 };
  const compiled = compilePolicy(policies.flatMap((each) => lowerAccessPolicy(each, proved, place)));
  // Without a policy nothing is granted; the evaluator would let everything pass.
  const passes = (request: RequestAttributes): boolean =>
    policies.length > 0 && decide(compiled, request).verdict === "allow";
  const stopped = granted.find((kind) => !requestsOf(kind).every(passes));
  const callers = new Set(granted.map(({ caller }) => caller.principal));
  const [clear, unclear] = [true, false].map((isClear) =>
    others.filter((each) => (each.detail === "whole" || !callers.has(each.caller.principal)) === isClear),
  ) as [CallKind[], CallKind[]];
  const passed = clear.find((kind) => requestsOf(kind).some(passes));
  if (stopped !== undefined) throw new Error(`the suggestion stops ${textOf(stopped)}, of which it was derived`);
  if (passed !== undefined) throw new Error(`the suggestion lets pass ${textOf(passed)}, of which it was not derived`);
  return {
    passed: granted.reduce((sum, { allowed }) => sum + allowed, 0),
    refused: countOf(clear),
    unclear: countOf(unclear),
  };
}

/** What the kind stands for. */
function requestsOf({ caller, protocol, detail, method, path, ports }: CallKind): readonly RequestAttributes[] {
  return ports.flatMap((port) => {
    if (protocol === "tcp") return [requestAttributes({ ...caller, protocol, port })];
    const asked = detail === "caller" ? { method: "GET", path: "/{*}" } : { method, path };
    const segments = asked.path.includes("*") ? SEGMENTS : SEGMENTS.slice(0, 1);
    return segments.map((segment) =>
      requestAttributes({ ...caller, protocol, port, method: asked.method, path: likePath(asked.path, segment) }),
    );
  });
}

function countOf(kinds: readonly CallKind[]): number {
  return kinds.reduce((sum, { allowed, denied }) => sum + allowed + denied, 0);
}

function textOf({ caller, protocol, method, path }: CallKind): string {
  return `${caller.principal || "nobody"} ${protocol === "tcp" ? "tcp" : `${method} ${path}`}`;
}

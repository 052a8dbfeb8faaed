/** Every way a request can end, in one closed table: the same word in log, metric, trace and diagnosis. */

/** Whose doing an end is, as far as the side that saw it can tell. */
export type EndBlame = "nobody" | "client" | "policy" | "upstream" | "local";

export interface EndReasonEntry {
  /** Envoy's response flag of the same meaning, `-` for none: the value of Istio's label `response_flags`. */
  readonly flag: string;
  /** One plain sentence for people, used as the body of a locally made response. */
  readonly sentence: string;
  readonly blame: EndBlame;
}

/** Reason → Envoy's response flag, a plain sentence, and whose doing it is. */
export const END_REASONS = {
  completed: { flag: "-", sentence: "The request was answered.", blame: "nobody" },
  "route-not-found": { flag: "NR", sentence: "No route matches this request.", blame: "local" },
  "no-healthy-upstream": { flag: "UH", sentence: "The service has no endpoint that is ready.", blame: "upstream" },
  "upstream-connect-failure": {
    flag: "UF",
    sentence: "No connection to the service could be made.",
    blame: "upstream",
  },
  "upstream-connection-terminated": {
    flag: "UC",
    sentence: "The connection to the service ended before its answer was complete.",
    blame: "upstream",
  },
  "upstream-reset": { flag: "UR", sentence: "The service's side reset the request.", blame: "upstream" },
  "request-timeout": { flag: "UT", sentence: "The service did not answer in the time allowed.", blame: "upstream" },
  overflow: { flag: "UO", sentence: "Too many requests wait for the service already.", blame: "upstream" },
  "downstream-closed": {
    flag: "DC",
    sentence: "The caller went away before the answer was complete.",
    blame: "client",
  },
  "downstream-protocol-error": {
    flag: "DPE",
    sentence: "The caller's request breaks the rules of HTTP.",
    blame: "client",
  },
  "upstream-protocol-error": {
    flag: "UPE",
    sentence: "The service's answer breaks the rules of HTTP.",
    blame: "upstream",
  },
  "policy-denied": { flag: "RBAC", sentence: "A policy does not allow this call.", blame: "policy" },
  "identity-mismatch": {
    flag: "UF",
    sentence: "The peer that answered does not have the identity that the service must have.",
    blame: "upstream",
  },
  "app-unreachable": {
    flag: "UF",
    sentence: "The program behind the agent does not accept connections.",
    blame: "upstream",
  },
  "stream-idle-timeout": { flag: "SI", sentence: "Nothing moved on the request for too long.", blame: "upstream" },
  draining: { flag: "LR", sentence: "The agent is stopping and takes no new requests.", blame: "local" },
  "internal-error": { flag: "LR", sentence: "The agent failed by its own fault.", blame: "local" },
  "backend-not-found": {
    flag: "NC",
    sentence: "The route of this request names no service that exists or that it may use.",
    blame: "local",
  },
  "fault-injected": {
    flag: "FI",
    sentence: "The request's route has an agent answer it so, to see how callers take it.",
    blame: "local",
  },
  "rate-limited": { flag: "RL", sentence: "More was asked than a limit lets through.", blame: "policy" },
  overload: {
    flag: "OM",
    sentence: "The agent cannot keep up and sheds a share of the requests.",
    blame: "local",
  },
  "token-invalid": {
    flag: "UAEX",
    sentence: "The request carries a token that is not valid here.",
    blame: "policy",
  },
  "external-denied": {
    flag: "UAEX",
    sentence: "An external authorizer does not allow this call.",
    blame: "policy",
  },
  "external-unavailable": {
    flag: "UAEX",
    sentence: "An external authorizer must allow this call, and could not be asked.",
    blame: "local",
  },
  "egress-denied": {
    flag: "RBAC",
    sentence: "A policy about what goes out of the calling workload does not let it call there.",
    blame: "policy",
  },
} as const satisfies Record<string, EndReasonEntry>;

/** One key of `END_REASONS`. */
export type EndReason = keyof typeof END_REASONS;

/** All reasons in the table's order, which never changes for existing ones: an index is a compact code for a reason. */
export const END_REASON_LIST: readonly EndReason[] = Object.keys(END_REASONS) as EndReason[];

/** Whether a text is a reason of the table. */
export function isEndReason(text: string): text is EndReason {
  return Object.hasOwn(END_REASONS, text);
}

/** Whether the user got no good answer: a 5xx, no status at all, a denial, or an end on the service's side. A caller that left is no failure. */
export function isFailure(status: number, reason: EndReason): boolean {
  const blame: EndBlame = END_REASONS[reason].blame;
  if (blame === "client") return false;
  return blame !== "nobody" || status >= 500 || status === 0;
}

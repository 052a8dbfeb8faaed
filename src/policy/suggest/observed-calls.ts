/** What was recorded of one service's callers, by kind of request, and what of it can be granted. */
import { type CallerAttributes, isAmbiguous } from "#policy";

/** Requests of one caller that are alike, and what was decided of them. */
export interface ObservedCall {
  /** The principal is "" for one that proved no identity. */
  readonly caller: CallerAttributes;
  readonly protocol: "http" | "tcp";
  /** How much of the request was recorded: all, the beginning of its path, or nothing but who called. */
  readonly detail: "whole" | "prefix" | "caller";
  readonly method: string;
  /** `{*}` stands for a segment that is another in each request, `*` at the end for all that follows. */
  readonly path: string;
  /** What else was recorded of it and no suggested rule asks: its host, what was seen of a token. Texts that are equal for what is. */
  readonly beside: string;
  /** Of the app; 0 when not known. */
  readonly port: number;
  readonly verdict: "allow" | "deny";
  readonly count: number;
  readonly lastSeenMs: number;
}

/** Calls that a suggested rule does not tell apart. */
export interface CallKind extends Omit<ObservedCall, "verdict" | "count" | "lastSeenMs" | "port" | "beside"> {
  readonly ports: readonly number[];
  readonly allowed: number;
  readonly denied: number;
  readonly lastAllowedMs: number;
  readonly lastDeniedMs: number;
  /** Some of them are denied now by what no suggested rule asks, such as those without a token. */
  readonly isPartlyDenied: boolean;
}

/** Why a kind of request that was let through is not granted. */
export type Obstacle =
  /** Its caller proved no identity. */
  | "no-identity"
  /** It was denied later than it was allowed. */
  | "denied-since"
  /** Its path can be read in several ways, and a policy must hold in each of them. */
  | "ambiguous-path"
  /** Whatever would let it pass would let pass what was denied to the same caller. */
  | "not-told-apart";

export function callKinds(calls: readonly ObservedCall[]): readonly CallKind[] {
  const keyOf = ({ caller, protocol, detail, method, path }: ObservedCall): string =>
    JSON.stringify([caller.principal, protocol, detail, method, path]);
  return [...Map.groupBy(calls, keyOf).values()].map((alike) => {
    const { caller, protocol, detail, method, path } = alike[0] as ObservedCall;
    const of = (verdict: ObservedCall["verdict"]) => alike.filter((each) => each.verdict === verdict);
    const [allows, denies] = [of("allow"), of("deny")];
    return {
      ...{ caller, protocol, detail, method, path },
      ports: [...new Set(alike.map(({ port }) => port))],
      allowed: sum(allows),
      denied: sum(denies),
      lastAllowedMs: last(allows),
      lastDeniedMs: last(denies),
      isPartlyDenied: differsBeside(alike),
    };
  });
}

/** Why nothing of the kind can be granted; undefined where it can. Only of what was let through. */
export function obstacleOf({
  caller,
  denied,
  lastAllowedMs,
  lastDeniedMs,
  isPartlyDenied,
}: CallKind): Obstacle | undefined {
  if (caller.principal === "") return "no-identity";
  if (denied > 0 && lastDeniedMs >= lastAllowedMs) return "denied-since";
  return isPartlyDenied ? "not-told-apart" : undefined;
}

/** Whether what was decided last differs with what stands beside; that a policy has changed since is no such difference. */
function differsBeside(alike: readonly ObservedCall[]): boolean {
  const variants = [...Map.groupBy(alike, ({ beside }) => beside).values()];
  return variants.some((each) => {
    const of = (verdict: ObservedCall["verdict"]) => last(each.filter((call) => call.verdict === verdict));
    return each.some(({ verdict }) => verdict === "deny") && of("deny") >= of("allow");
  });
}

/** Whether no rule of paths should speak of it. */
export function hasAmbiguousPath({ protocol, detail, path }: CallKind): boolean {
  return protocol === "http" && detail !== "caller" && isAmbiguous(path);
}

function sum(calls: readonly ObservedCall[]): number {
  return calls.reduce((total, { count }) => total + count, 0);
}

function last(calls: readonly ObservedCall[]): number {
  return calls.reduce((latest, { lastSeenMs }) => Math.max(latest, lastSeenMs), 0);
}

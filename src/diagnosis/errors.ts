import { END_REASONS, type EndReason, isFailure } from "#telemetry";
import { type Call, hasFailed, type KnownNodes, replicaOf, spanOf } from "./observation.ts";
import type { Cause } from "./report.ts";

/** Where a failure began. */
export interface Origin {
  readonly hop: string;
  readonly cause: Cause;
  readonly replica: string;
  /** One plain sentence about this failure, the same for like failures. */
  readonly what: string;
}

export interface OriginCount extends Origin {
  count: number;
}

/** Which calls (`caller → callee`) fail without harm to the caller's own answer. */
export type Tolerated = ReadonlySet<string>;

const HOPS_MAX = 64;
const TOLERANCE_CALLS_MIN = 5;

/** Edges on which callers mostly succeed although the call fails: such failures explain nothing above them. */
export function toleratedEdges(calls: readonly Call[]): Tolerated {
  const seen = new Map<string, { failed: number; harmless: number }>();
  for (const parent of calls) {
    for (const child of parent.children) {
      if (!hasFailed(child)) continue;
      const key = `${child.from} → ${child.to}`;
      const tally = seen.get(key) ?? { failed: 0, harmless: 0 };
      seen.set(key, tally);
      tally.failed++;
      if (!hasFailed(parent)) tally.harmless++;
    }
  }
  const isTolerated = ([, tally]: [string, { failed: number; harmless: number }]): boolean =>
    tally.failed >= TOLERANCE_CALLS_MIN && tally.harmless / tally.failed > 0.5;
  return new Set([...seen].filter(isTolerated).map(([key]) => key));
}

/** Counts failed entries by where each began. */
export function countOrigins(
  entries: readonly Call[],
  nodes: KnownNodes,
  tolerated: Tolerated,
): readonly OriginCount[] {
  const counts = new Map<string, OriginCount>();
  for (const entry of entries) {
    if (!hasFailed(entry)) continue;
    const origin = originOf(deepestFailure(entry, tolerated), nodes);
    const key = [origin.hop, origin.cause, origin.replica].join("\n");
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { ...origin, count: 1 });
    else known.count++;
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

/** Follows the failed call that ended last at each level: the one that the caller's own failure waited for. */
function deepestFailure(entry: Call, tolerated: Tolerated): Call {
  let call = entry;
  for (let depth = 0; depth < HOPS_MAX; depth++) {
    const next = call.children
      .filter((child) => explains(child, call, tolerated))
      .toSorted((a, b) => spanOf(b).endUs - spanOf(a).endUs)[0];
    if (next === undefined) return call;
    call = next;
  }
  return call;
}

function explains(child: Call, parent: Call, tolerated: Tolerated): boolean {
  if (hasFailed(child)) return !tolerated.has(`${child.from} → ${child.to}`);
  // The callee of a call that timed out did not fail; it waited for something, if not for itself.
  if (parent.client?.endReason !== "request-timeout") return false;
  const [whole, part] = [spanOf(parent), spanOf(child)];
  return part.endUs - part.startUs > (whole.endUs - whole.startUs) * 0.6;
}

function originOf(call: Call, nodes: KnownNodes): Origin {
  const { client, server } = call;
  // Programs may pass the headers of a failed call on, so the callee's agent is believed before what its caller read.
  const hasServerFailed = server !== undefined && isFailure(server.status, server.endReason);
  const reason = telling(hasServerFailed ? server.endReason : client?.endReason) ?? "completed";
  const isBalancer = nodes.roles.get(call.to) === "load-balancer";
  const at = (cause: Cause, what: string, hop = call.to): Origin => ({ hop, cause, replica: replicaOf(call), what });
  const known = byReason(call, reason) ?? withoutEndpoint(call, reason, nodes);
  if (known !== undefined) return at(known.cause, known.what);
  if (server === undefined) return withoutServer(call, isBalancer, at);
  if (isLostOnTheWayBack(call)) {
    const what = `${call.from} saw "${END_REASONS[reason].sentence}" while ${call.to} was still answering`;
    return at("network", what, `${call.from} → ${call.to}`);
  }
  const what =
    reason === "completed"
      ? ownSentence(call.to, server.status, isBalancer)
      : `${call.to}: ${END_REASONS[reason].sentence}`;
  return at(isBalancer ? "load-balancer" : "application", what);
}

/** What a policy did where it is the cause. */
const REFUSALS: Readonly<Partial<Record<EndReason, (policy: string, from: string) => string>>> = {
  "policy-denied": (policy, from) => `${policy} denied calls from ${from}`,
  "egress-denied": (policy, from) => `${policy} lets ${from} not call there`,
  "token-invalid": (policy, from) => `${policy} refused a token that calls from ${from} carry`,
  "external-denied": (policy, from) => `calls from ${from} were refused: ${policy}`,
  "external-unavailable": (policy, from) => `calls from ${from} were refused: ${policy}`,
};

/** Ends that name their cause by themselves. */
function byReason(call: Call, reason: EndReason): { readonly cause: Cause; readonly what: string } | undefined {
  const refused = REFUSALS[reason];
  if (refused !== undefined) {
    const policy = call.server?.policy || call.client?.policy || "a policy";
    return { cause: "policy-denial", what: refused(policy, call.from) };
  }
  if (reason === "rate-limited") {
    const policy = call.server?.policy || "a limit";
    return { cause: "overload", what: `${policy} let no more calls from ${call.from} through` };
  }
  if (reason === "backend-not-found")
    return { cause: "discovery", what: `the route of ${call.to} names no service that is there` };
  if (reason === "identity-mismatch")
    return { cause: "certificate", what: `${call.to} showed another identity than it must have` };
  if (reason === "overflow") return { cause: "overload", what: `too many requests waited for ${call.to}` };
  if (reason === "draining" || reason === "internal-error")
    return { cause: "proxy", what: END_REASONS[reason].sentence };
  return undefined;
}

/** Nobody to call: replicas that are there and answer no probe are the app's doing, everything else is a matter of who knows whom. */
function withoutEndpoint(
  call: Call,
  reason: EndReason,
  { replicas }: KnownNodes,
): { readonly cause: Cause; readonly what: string } | undefined {
  if (reason !== "no-healthy-upstream" && reason !== "route-not-found") return undefined;
  const known = replicas.get(call.to) ?? [];
  if (reason === "no-healthy-upstream" && known.length > 0 && known.every(({ ready }) => !ready))
    return { cause: "application", what: `no replica of ${call.to} answers its readiness check` };
  return { cause: "discovery", what: `${call.from} had no endpoint of ${call.to} to call` };
}

/** Failed as the caller saw it, and the callee's agent saw nothing: what stands between, or the callee's host, is to blame. */
function withoutServer(
  call: Call,
  isBalancer: boolean,
  at: (cause: Cause, what: string, hop?: string) => Origin,
): Origin {
  const reason = call.client?.endReason ?? "completed";
  const what = `${call.from} saw "${END_REASONS[reason].sentence}" and no request reached ${call.to}`;
  if (isBalancer) return at("load-balancer", what);
  if (reason === "completed") return at("application", `${call.to} answered ${call.client?.status ?? 0}`);
  return at("network", what, `${call.from} → ${call.to}`);
}

/** The connection broke for both sides: each says that the other left. */
function isLostOnTheWayBack({ client, server }: Call): boolean {
  const broken = client?.endReason === "upstream-connection-terminated" || client?.endReason === "upstream-reset";
  return broken && server?.endReason === "downstream-closed";
}

function ownSentence(node: string, status: number, isBalancer: boolean): string {
  return `${node} answered ${status}${isBalancer ? " by itself, without a failed call behind it" : " of its own"}`;
}

function telling(reason: EndReason | undefined): EndReason | undefined {
  return reason === "completed" || reason === "downstream-closed" ? undefined : reason;
}

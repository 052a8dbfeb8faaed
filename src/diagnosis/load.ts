/** How much a node was asked, by whom, and how that was spread over its replicas. */
import { type EdgeTotals, nodeIdOf } from "#telemetry";
import type { Observation } from "./observation.ts";
import type { ReplicaTime } from "./replicas.ts";

/** Two spans of time that are compared, each with its length in seconds. */
export interface Compared {
  readonly before: Observation;
  readonly now: Observation;
  readonly beforeSeconds: number;
  readonly nowSeconds: number;
}

/** A cause that accounts for what looked like a hop's own slowness. */
export interface Explanation {
  readonly hop: string;
  readonly cause: "skewed-balancing" | "retry-storm" | "overload";
  readonly evidence: string;
}

const RISE_MIN = 1.6;
const AMPLIFICATION_MIN = 1.5;
const REQUESTS_MIN = 20;
/** One replica with that part of all requests is asked unevenly, when it is also well beyond its fair part and beyond what it had. */
const SKEWED_SHARE = 0.6;
const SKEWED_OVER_FAIR = 1.5;
const SKEWED_RISE = 0.2;

/** Why a node takes longer although it does nothing else than before: it is asked unevenly, over and over by one caller, or too much. */
export function explainByLoad(
  node: string,
  times: readonly ReplicaTime[],
  compared: Compared,
): Explanation | undefined {
  return skewOf(node, times, compared) ?? stormOf(node, compared) ?? overloadOf(node, compared);
}

/** The replica that is asked most must be the slow one: a balancer does well to ask a slow one less. */
function skewOf(node: string, times: readonly ReplicaTime[], { before, now }: Compared): Explanation | undefined {
  const [old, fresh] = [countsByReplica(node, before.totals), countsByReplica(node, now.totals)];
  const replicas = new Set([...old.keys(), ...fresh.keys()]).size;
  const total = sum(fresh.values());
  const [top] = [...fresh].sort(([, a], [, b]) => b - a);
  if (top === undefined || replicas < 2 || total < REQUESTS_MIN) return undefined;
  const [replica, count] = top;
  const [share, oldShare] = [count / total, (old.get(replica) ?? 0) / Math.max(1, sum(old.values()))];
  const isSkewed = share >= Math.max(SKEWED_SHARE, SKEWED_OVER_FAIR / replicas) && share - oldShare >= SKEWED_RISE;
  const perVisit = new Map(times.map(({ replica: each, visits, totalMs }) => [each, totalMs / Math.max(1, visits)]));
  if (!isSkewed || (perVisit.get(replica) ?? 0) < Math.max(0, ...perVisit.values())) return undefined;
  const evidence = `${replica} got ${percent(share)} of the requests, ${percent(oldShare)} before; there are ${replicas} replicas`;
  return { hop: node, cause: "skewed-balancing", evidence };
}

/** A caller that makes more calls for each request of its own: what it calls is not to blame for being asked so often. */
function stormOf(node: string, compared: Compared): Explanation | undefined {
  if (riseOf(node, compared) < RISE_MIN) return undefined;
  const callers = callersOf(node, compared.now.totals)
    .map((caller) => ({
      caller,
      old: callsPerRequest(caller, node, compared.before.totals),
      fresh: callsPerRequest(caller, node, compared.now.totals),
    }))
    .filter(({ old, fresh }) => old > 0 && fresh >= old * AMPLIFICATION_MIN)
    .sort((a, b) => b.fresh / b.old - a.fresh / a.old);
  const [worst] = callers;
  if (worst === undefined) return undefined;
  const { caller, old, fresh } = worst;
  const evidence = `${caller} made ${fresh.toFixed(1)} calls of ${node} for each request, ${old.toFixed(1)} before`;
  return { hop: caller, cause: "retry-storm", evidence };
}

function overloadOf(node: string, compared: Compared): Explanation | undefined {
  const [old, fresh] = [
    perReplica(node, compared.before, compared.beforeSeconds),
    perReplica(node, compared.now, compared.nowSeconds),
  ];
  if (old <= 0 || fresh < old * RISE_MIN) return undefined;
  const evidence = `each replica of ${node} was asked ${fresh.toFixed(1)} times a second, ${old.toFixed(1)} before`;
  return { hop: node, cause: "overload", evidence };
}

const riseOf = (node: string, { before, now, beforeSeconds, nowSeconds }: Compared): number =>
  requestsInto(node, now.totals) / nowSeconds / Math.max(1e-9, requestsInto(node, before.totals) / beforeSeconds);

const perReplica = (node: string, { totals }: Observation, seconds: number): number =>
  requestsInto(node, totals) / seconds / Math.max(1, countsByReplica(node, totals).size);

function callersOf(node: string, totals: readonly EdgeTotals[]): readonly string[] {
  return [
    ...new Set(
      totals.filter(({ edge }) => nodeIdOf(edge.destination) === node).map(({ edge }) => nodeIdOf(edge.source)),
    ),
  ];
}

function callsPerRequest(caller: string, node: string, totals: readonly EdgeTotals[]): number {
  const made = countWhere(
    totals,
    ({ source, destination }) => nodeIdOf(source) === caller && nodeIdOf(destination) === node,
  );
  return made / Math.max(1, requestsInto(caller, totals));
}

const requestsInto = (node: string, totals: readonly EdgeTotals[]): number =>
  countWhere(totals, ({ destination }) => nodeIdOf(destination) === node);

/** As the side that saw more of it counted. */
function countWhere(totals: readonly EdgeTotals[], holds: (edge: EdgeTotals["edge"]) => boolean): number {
  const counts = { source: 0, destination: 0 };
  for (const { edge, count } of totals) if (holds(edge)) counts[edge.reporter] += count;
  return Math.max(counts.source, counts.destination);
}

function countsByReplica(node: string, totals: readonly EdgeTotals[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { edge, count } of totals) {
    const { instance } = edge.destination;
    if (edge.reporter !== "destination" || instance === "" || nodeIdOf(edge.destination) !== node) continue;
    counts.set(instance, (counts.get(instance) ?? 0) + count);
  }
  return counts;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const each of values) total += each;
  return total;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

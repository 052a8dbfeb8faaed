/** How good the answers were: pure, so that what counts as right can be read and tested in one place. */
import type { GraphView, WhyView } from "#api";
import type { Experience } from "./crowd.ts";
import type { Blame, Incident } from "./incidents.ts";
import { NAMESPACE } from "./topologies.ts";

export interface Answer {
  readonly incident: Incident;
  /** Asked in calm, just before the incident. */
  readonly calm: Pick<WhyView, "status" | "culprits">;
  readonly why: Pick<WhyView, "status" | "culprits" | "summary" | "hops" | "latency">;
  readonly answeredMs: number;
  readonly callers: { readonly before: Experience; readonly during: Experience };
  readonly before: GraphView;
  readonly during: GraphView;
}

export interface Score {
  readonly incidents: number;
  /** Share of the incidents whose first culprit is a true one. */
  readonly first: number;
  /** Share of the incidents all of whose culprits are among the first three. */
  readonly inThree: number;
  /** Share of the calm windows in which nobody was blamed. */
  readonly calm: number;
  /** Share of the incidents in which what a dashboard shows first is the right hop; its cause is not asked. */
  readonly byErrorsAndLatency: number;
  readonly nearestToEntry: number;
  readonly slowestAnswerMs: number;
}

const isSame = (a: Blame, b: Blame): boolean => a.hop === b.hop && a.cause === b.cause;

export function isFirstRight({ incident, why }: Answer): boolean {
  const [first] = why.culprits;
  return first !== undefined && incident.truths.some((truth) => isSame(truth, first));
}

export function areAllInThree({ incident, why }: Answer): boolean {
  const three = why.culprits.slice(0, 3);
  return incident.truths.every((truth) => three.some((culprit) => isSame(truth, culprit)));
}

export function scoreOf(answers: readonly Answer[]): Score {
  const share = (holds: (answer: Answer) => boolean): number =>
    answers.filter(holds).length / Math.max(1, answers.length);
  return {
    incidents: answers.length,
    first: share(isFirstRight),
    inThree: share(areAllInThree),
    calm: share(({ calm }) => calm.status !== "culprit"),
    byErrorsAndLatency: share((answer) => isHop(answer, byErrorsAndLatency(answer))),
    nearestToEntry: share((answer) => isHop(answer, nearestToEntry(answer))),
    slowestAnswerMs: Math.max(0, ...answers.map(({ answeredMs }) => answeredMs)),
  };
}

/** A baseline knows services only, so that it is right with the service of a replica, a version, or the callee of a way. */
function isHop({ incident }: Answer, node: string | undefined): boolean {
  return node !== undefined && incident.truths.some(({ hop }) => serviceOf(hop, incident) === node);
}

function serviceOf(hop: string, { topology }: Incident): string {
  const callee = hop.split(" → ").at(-1) ?? hop;
  const bare = (callee.split("/").at(-1) ?? callee).split("@")[0] ?? "";
  const known = topology.nodes
    .map(({ name }) => name)
    .filter((name) => bare === name || bare.startsWith(`${name}-`))
    .sort((a, b) => b.length - a.length);
  return known[0] === undefined ? callee : `${NAMESPACE}/${known[0]}`;
}

interface Symptom {
  readonly node: string;
  readonly failureRate: number;
  readonly p99Ms: number;
}

function symptoms({ edges }: GraphView): readonly Symptom[] {
  const byNode = Map.groupBy(edges, ({ destination }) => destination);
  return [...byNode].map(([node, into]) => ({
    node,
    failureRate: Math.max(...into.map(({ successRate }) => 1 - (successRate ?? 1))),
    p99Ms: Math.max(...into.map(({ fromSource, fromDestination }) => (fromSource ?? fromDestination)?.p99Ms ?? 0)),
  }));
}

const FAILING_FROM = 0.02;

/** What dashboards do: the service with the most errors, and where none has many, the one whose latency rose most. */
function byErrorsAndLatency({ before, during }: Answer): string | undefined {
  const now = symptoms(during);
  const [worst] = now.toSorted((a, b) => b.failureRate - a.failureRate);
  if (worst !== undefined && worst.failureRate >= FAILING_FROM) return worst.node;
  const old = new Map(symptoms(before).map(({ node, p99Ms }) => [node, p99Ms]));
  return now.toSorted((a, b) => riseOf(b, old) - riseOf(a, old))[0]?.node;
}

const riseOf = ({ node, p99Ms }: Symptom, before: ReadonlyMap<string, number>): number =>
  p99Ms - (before.get(node) ?? 0);

/** The first service on the way in that is worse than before. */
function nearestToEntry({ before, during, incident }: Answer): string | undefined {
  const old = new Map(symptoms(before).map((each) => [each.node, each]));
  const now = new Map(symptoms(during).map((each) => [each.node, each]));
  const order = [incident.topology.entry, ...incident.topology.nodes.map(({ name }) => name)].map(
    (name) => `${NAMESPACE}/${name}`,
  );
  return order.find((node) => {
    const [was, is] = [old.get(node), now.get(node)];
    if (is === undefined) return false;
    return is.failureRate - (was?.failureRate ?? 0) >= FAILING_FROM || is.p99Ms > (was?.p99Ms ?? 0) * 1.5 + 5;
  });
}

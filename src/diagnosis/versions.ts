/** One version of a service that is worse than the others, where several run side by side. */
import { type EdgeTotals, nodeIdOf } from "#telemetry";
import { milliseconds, type ReplicaTime, SLOWER_BY, SLOWER_MS, type Tally } from "./replicas.ts";

export interface VersionFinding {
  /** `shop/cart@v2`. */
  readonly hop: string;
  readonly evidence: string;
}

/** Which version each replica of a node runs, by what its agents say. */
export function versionsOf(node: string, totals: readonly EdgeTotals[]): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  for (const { edge } of totals) {
    const { instance, version } = edge.destination;
    if (nodeIdOf(edge.destination) === node && instance !== "" && version !== "") versions.set(instance, version);
  }
  return versions;
}

const VISITS_MIN = 3;

export function slowVersion(
  node: string,
  times: readonly ReplicaTime[],
  versions: ReadonlyMap<string, string>,
): VersionFinding | undefined {
  const rated = byVersion(times, versions, ({ replica }) => replica)
    .map(({ version, members }) => {
      const visits = members.reduce((sum, each) => sum + each.visits, 0);
      const perVisitMs = members.reduce((sum, each) => sum + each.totalMs, 0) / Math.max(1, visits);
      const quickestMs = Math.min(...members.map((each) => each.totalMs / Math.max(1, each.visits)));
      return { version, visits, perVisitMs, quickestMs };
    })
    .filter(({ visits }) => visits >= VISITS_MIN)
    .sort((a, b) => b.perVisitMs - a.perVisitMs);
  const [worst, second] = rated;
  if (worst === undefined || second === undefined) return undefined;
  // Even its quickest replica: otherwise it is one replica and not the version.
  const bound = Math.max(second.perVisitMs * SLOWER_BY, second.perVisitMs + SLOWER_MS);
  if (worst.quickestMs <= bound) return undefined;
  const evidence = `version ${worst.version} took ${milliseconds(worst.perVisitMs)} of its own per call, ${second.version} ${milliseconds(second.perVisitMs)}`;
  return { hop: `${node}@${worst.version}`, evidence };
}

const FAILED_MIN = 3;

export function failingVersion(
  node: string,
  tallies: ReadonlyMap<string, Tally>,
  versions: ReadonlyMap<string, string>,
): VersionFinding | undefined {
  const rated = byVersion([...tallies], versions, ([replica]) => replica)
    .map(({ version, members }) => {
      const count = members.reduce((sum, [, tally]) => sum + tally.count, 0);
      const failed = members.reduce((sum, [, tally]) => sum + tally.failed, 0);
      const lowest = Math.min(...members.map(([, tally]) => tally.failed / Math.max(1, tally.count)));
      return { version, count, failed, rate: failed / Math.max(1, count), lowest };
    })
    .sort((a, b) => b.rate - a.rate);
  const [worst, second] = rated;
  if (worst === undefined || second === undefined || worst.failed < FAILED_MIN || second.count < VISITS_MIN)
    return undefined;
  if (worst.lowest < second.rate * 4 || worst.lowest - second.rate < 0.05) return undefined;
  const evidence = `version ${worst.version} failed ${worst.failed} of ${worst.count} requests, ${second.version} ${second.failed} of ${second.count}`;
  return { hop: `${node}@${worst.version}`, evidence };
}

function byVersion<Item>(
  items: readonly Item[],
  versions: ReadonlyMap<string, string>,
  replicaOf: (item: Item) => string,
): readonly { readonly version: string; readonly members: readonly Item[] }[] {
  const groups = Map.groupBy(
    items.filter((item) => versions.has(replicaOf(item))),
    (item) => versions.get(replicaOf(item)) ?? "",
  );
  return [...groups].map(([version, members]) => ({ version, members }));
}

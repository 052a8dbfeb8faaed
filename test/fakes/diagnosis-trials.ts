/** Asks why over what a made-up mesh would report, with a known fault in it, over and over. */
import { type AgentNote, explainWhy, type KnownNodes, type NodeRole, type WhyReport } from "#diagnosis";
import { type FakeMesh, type FakeTraffic, observe } from "./call-tree.ts";
import { seededRandom } from "./random.ts";

function rolesOf(mesh: FakeMesh): ReadonlyMap<string, NodeRole> {
  return new Map(Object.entries(mesh).map(([name, spec]) => [`shop/${name}`, spec.role ?? "service"]));
}

export interface Trial extends Partial<FakeTraffic> {
  readonly mesh: FakeMesh;
  readonly entry: string;
  readonly seed: number;
  readonly baselineInflation?: number;
  readonly notes?: { readonly before: readonly AgentNote[]; readonly now: readonly AgentNote[] };
  readonly replicas?: KnownNodes["replicas"];
}

export function diagnose({ seed, fault, notes, replicas, ...traffic }: Trial): WhyReport {
  const random = seededRandom(seed);
  const common = { requests: 150, ...traffic, random };
  const before = observe({ ...common, inflation: traffic.baselineInflation ?? 1 });
  const current = observe(fault === undefined ? common : { ...common, fault });
  return explainWhy({
    service: `shop/${traffic.entry}`,
    window: { fromMs: 30_000, toMs: 60_000 },
    baseline: { fromMs: 0, toMs: 30_000 },
    current: { ...current, notes: notes?.now ?? [] },
    before: { ...before, notes: notes?.before ?? [] },
    replicas: replicas ?? new Map(),
    roles: rolesOf(traffic.mesh),
    changes: [],
  });
}

/** Part of the trials in which the first culprit was the true one; the wrong answers are shown. */
export function accuracy(trials: readonly Trial[], truth: { hop: string; cause: string }): number {
  const answers = trials.map((trial) => {
    const [first] = diagnose(trial).culprits;
    return first === undefined ? "nobody" : `${first.hop} ${first.cause}`;
  });
  const wrong = answers.filter((answer) => answer !== `${truth.hop} ${truth.cause}`);
  if (wrong.length > answers.length * 0.05) console.error(truth, [...new Set(wrong)]);
  return 1 - wrong.length / answers.length;
}

/** From single rounds to what is told: medians, and Heddle's ratio to each peer. */
import type { CaseReport, Metric, PeerValue, Run } from "../report.ts";
import { median } from "../statistics.ts";
import type { Case } from "./case.ts";
import { HEDDLE } from "./peers.ts";
import type { Present } from "./run.ts";

/** All that was measured for one case. */
export interface Rounds {
  readonly runs: readonly Run[];
  readonly disturbed: readonly Run[];
}

function medianOf(runs: readonly Run[], peer: string, metric: Metric): number {
  return median(runs.filter((run) => run.peer === peer).map(({ values }) => values[metric.name] ?? Number.NaN));
}

export function caseReports(each: Case, rounds: Rounds, peers: readonly Present[]): readonly CaseReport[] {
  const { runs, disturbed } = rounds;
  return each.metrics.map((metric) => {
    const heddle = medianOf(runs, HEDDLE.name, metric);
    const others = peers.filter(({ peer }) => peer !== HEDDLE);
    return {
      name: `${each.name}/${metric.name}`,
      case: each.name,
      title: each.title,
      carries: each.carries,
      metric: metric.name,
      unit: metric.unit,
      better: metric.better,
      target: metric.target,
      heddle,
      peers: others.map(({ about }): PeerValue => {
        const value = medianOf(runs, about.name, metric);
        return { name: about.name, version: about.version, value, ratio: heddle / value };
      }),
      runs,
      disturbed,
    };
  });
}

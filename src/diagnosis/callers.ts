/** What the callers outside did by themselves. */
import { type EdgeTotals, nodeIdOf } from "#telemetry";

export interface Abandonment {
  /** Part of the requests whose caller left. */
  readonly share: number;
  readonly left: number;
  /** How long those waited, on average. */
  readonly patienceMs: number;
}

/** Requests at an entry that their callers gave up. */
export function abandonmentAt(top: string, totals: readonly EdgeTotals[]): Abandonment {
  const into = totals.filter(({ edge }) => nodeIdOf(edge.destination) === top && nodeIdOf(edge.source) === "external");
  const entering = into.length > 0 ? into : totals.filter(({ edge }) => nodeIdOf(edge.source) === top);
  let [requests, left, us] = [0, 0, 0];
  for (const { count, endReason, stagesUs } of entering) {
    requests += count;
    if (endReason !== "downstream-closed") continue;
    left += count;
    us += stagesUs.reduce((sum, each) => sum + each, 0);
  }
  return { share: left / Math.max(1, requests), left, patienceMs: us / Math.max(1, left) / 1000 };
}

/** What the shopper outside the mesh says of its own requests. */
export interface ShopperStats {
  readonly startedAt: number;
  readonly totals: { readonly requests: number; readonly failed: number; readonly skipped: number };
  readonly failures: readonly { readonly atMs: number; readonly path: string; readonly error: string }[];
  readonly seconds: readonly {
    readonly second: number;
    readonly requests: number;
    readonly failed: number;
    readonly latenciesMs: readonly number[];
  }[];
}

export interface ShopperSummary {
  readonly requests: number;
  readonly failed: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly failures: ShopperStats["failures"];
}

function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
}

/** The requests sent from one instant to another, as the shopper saw them. */
export function summarize(stats: ShopperStats, fromMs: number, toMs: number): ShopperSummary {
  const inside = stats.seconds.filter(({ second }) => second * 1000 >= fromMs - 999 && second * 1000 <= toMs);
  const latencies = inside.flatMap((each) => [...each.latenciesMs]).sort((a, b) => a - b);
  return {
    requests: latencies.length,
    failed: inside.reduce((sum, each) => sum + each.failed, 0),
    requestsPerSecond: Math.round((latencies.length * 10_000) / Math.max(1, toMs - fromMs)) / 10,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    failures: stats.failures.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs),
  };
}

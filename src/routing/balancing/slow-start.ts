/** Slow start: an endpoint that is new gets its share of the traffic by and by, so that caches and compilers can warm up. */

export interface Warmup {
  /** Istio's `warmupDurationSecs`. */
  readonly durationMs: number;
  /** The share to begin with; 10 where nothing is said. */
  readonly minimumPercent?: number;
  /** The curve; 1 is a line, more gives more at the beginning (Envoy's `aggression`). */
  readonly aggression?: number;
}

/** Between two looks at what has become of the share. */
const STEPS = 100;
const STEP_MIN_MS = 10;

/** What part of its weight counts of an endpoint that is there since `sinceMs`: from the minimum to 1. */
export function warmth(warmup: Warmup | undefined, sinceMs: number, nowMs: number): number {
  if (warmup === undefined || nowMs - sinceMs >= warmup.durationMs) return 1;
  const passed = Math.max(1, nowMs - sinceMs) / warmup.durationMs;
  const { minimumPercent = 10, aggression = 1 } = warmup;
  return Math.min(1, Math.max(minimumPercent / 100, passed ** (1 / aggression)));
}

/** When the share should be looked at again; infinity when it stays. */
export function nextWarmthMs(warmup: Warmup | undefined, sinceMs: number, nowMs: number): number {
  if (warmup === undefined || nowMs - sinceMs >= warmup.durationMs) return Number.POSITIVE_INFINITY;
  return Math.min(sinceMs + warmup.durationMs, nowMs + Math.max(STEP_MIN_MS, warmup.durationMs / STEPS));
}

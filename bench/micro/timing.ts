/** A timing loop for one small function. */
import { median } from "../statistics.ts";

/** A piece of the hot path, ready to be done again and again. */
export interface Piece {
  readonly name: string;
  /** Does it once. What it gives back is gathered, so that the engine cannot leave the work out. */
  readonly run: () => number;
}

export interface Timing {
  readonly name: string;
  /** Median of the rounds. */
  readonly nanoseconds: number;
  /** Half the distance between the extremes, as a share of the median. */
  readonly spread: number;
  readonly roundsNs: readonly number[];
}

export interface TimingPace {
  readonly rounds: number;
  readonly roundMs: number;
}

/** Operations between two looks at the clock. */
const BATCH = 64;

/** Read by nobody; written so that results count as used. */
let sink = 0;

/** Runs for about so long and gives nanoseconds per operation. */
function timeRound(run: () => number, roundMs: number): number {
  let operations = 0;
  let gathered = 0;
  const start = performance.now();
  let elapsed = 0;
  while (elapsed < roundMs) {
    for (let index = 0; index < BATCH; index++) gathered += run();
    operations += BATCH;
    elapsed = performance.now() - start;
  }
  sink += gathered;
  return (elapsed * 1e6) / operations;
}

/** Warms up for two rounds, then measures. */
export function time({ name, run }: Piece, { rounds, roundMs }: TimingPace): Timing {
  timeRound(run, roundMs * 2);
  const roundsNs = Array.from({ length: rounds }, () => timeRound(run, roundMs));
  const nanoseconds = median(roundsNs);
  if (!Number.isFinite(sink)) throw new Error(`${name} gave something that is no number`);
  return {
    name,
    nanoseconds,
    spread: (Math.max(...roundsNs) - Math.min(...roundsNs)) / 2 / nanoseconds,
    roundsNs,
  };
}

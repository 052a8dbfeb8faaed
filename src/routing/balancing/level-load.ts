/**
 * How much of the traffic each level of endpoints gets, as Envoy divides it: a level keeps all while 1/1.4 of its endpoints are usable;
 * below that the rest spills over to the next. All is counted in whole percent, rounded as there.
 */

export interface LevelHealth {
  readonly usable: number;
  readonly total: number;
}

export interface LevelLoad {
  /** Percent of the traffic; those of all levels make 100. */
  percent: number;
  /** All of its endpoints get traffic, usable or not. */
  isPanicking: boolean;
}

/** Percent; Envoy's default. */
const OVERPROVISIONING = 140;

/** The part of its traffic that a set of endpoints can carry, from 0 to 1. */
export function availability({ usable, total }: LevelHealth): number {
  return total === 0 ? 0 : Math.min(1, ((OVERPROVISIONING / 100) * usable) / total);
}

/** `panicPercent`: with fewer usable endpoints, all of a level are used, if the levels together cannot carry the traffic. */
export function loadOfLevels(levels: readonly LevelHealth[], panicPercent: number): readonly LevelLoad[] {
  const healths = levels.map(({ usable, total }) =>
    total === 0 ? 0 : Math.min(100, Math.floor((OVERPROVISIONING * usable) / total)),
  );
  const together = Math.min(
    100,
    healths.reduce((sum, health) => sum + health, 0),
  );
  const isPanicking = levels.map(({ usable, total }) => together < 100 && isBelow(usable, total, panicPercent));
  const percents = isPanicking.every(Boolean) ? divide(levels.map(({ total }) => total)) : spill(healths, together);
  return percents.map((percent, level) => ({ percent, isPanicking: isPanicking[level] === true }));
}

function isBelow(usable: number, total: number, panicPercent: number): boolean {
  return usable === 0 || (100 * usable) / total < panicPercent;
}

/** Each level takes what it can carry, the best first. */
function spill(healths: readonly number[], together: number): number[] {
  let left = 100;
  const percents = healths.map((health) => {
    const percent = Math.min(left, Math.floor((health * 100) / together));
    left -= percent;
    return percent;
  });
  return giveToFirst(percents, left);
}

/** By number, when none is better than another. */
function divide(totals: readonly number[]): number[] {
  const all = Math.max(
    1,
    totals.reduce((sum, total) => sum + total, 0),
  );
  const percents = totals.map((total) => Math.floor((100 * total) / all));
  return giveToFirst(percents, 100 - percents.reduce((sum, percent) => sum + percent, 0));
}

/** What rounding left over goes to the first level that gets something. */
function giveToFirst(percents: number[], left: number): number[] {
  const first = Math.max(
    0,
    percents.findIndex((percent) => percent > 0),
  );
  percents[first] = (percents[first] ?? 0) + left;
  return percents;
}

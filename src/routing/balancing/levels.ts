/** The pools of a service by level: draws the level, then the pool, then the endpoint. */
import type { Candidate, Weighted } from "./candidate.ts";
import { availability, loadOfLevels } from "./level-load.ts";
import { type Group, groupByLocality } from "./locality.ts";
import { makePicker } from "./make-picker.ts";
import type { PickRequest } from "./picker.ts";
import { Pool } from "./pool.ts";
import type { BalancerSettings, LoadBalancing } from "./settings.ts";
import { remainderOf } from "./word64.ts";
import type { Hash64 } from "./xxhash64.ts";

interface Level<E extends Weighted> {
  readonly pools: readonly Pool<E>[];
  /** Of the traffic. */
  percent: number;
  /** The weights of its pools as far as they are usable, each with those before it. */
  readonly until: Float64Array;
}

export class Levels<E extends Weighted> {
  readonly #random: () => number;
  readonly #settings: BalancerSettings;
  #levels: readonly Level<E>[] = [];
  /** Pools are kept, and what their pickers know, while the groups stay in number and order. */
  #pools: readonly Pool<E>[] = [];

  constructor(settings: BalancerSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  update(candidates: readonly Candidate<E>[]): void {
    const { policy, locality, outlierDetection } = this.#settings;
    const groups = groupByLocality(candidates, locality, outlierDetection !== undefined);
    const merged = isHashing(policy) ? groupsOfLevels(groups) : groups.map((group) => [group]);
    const known = this.#pools;
    const isSameNumber = known.length === merged.length;
    this.#pools = merged.map((parts, index) => {
      const kept = isSameNumber ? known[index] : undefined;
      const pool = kept ?? new Pool<E>(makePicker(policy, this.#random));
      pool.weight = sum(parts.map(({ weight }) => weight));
      pool.update(
        parts.flatMap(({ members }) => members),
        weightsOf(parts),
      );
      return pool;
    });
    this.#levels = levelsOf(merged, this.#pools);
  }

  /** Looks anew who is usable. Returns when time alone will change that. */
  settle(nowMs: number): number {
    for (const pool of this.#pools) pool.countUsable(nowMs);
    const { outlierDetection, warmup } = this.#settings;
    const healths = this.#levels.map(({ pools }) => ({
      usable: sum(pools.map(({ usable }) => usable)),
      total: sum(pools.map(({ total }) => total)),
    }));
    const loads = loadOfLevels(healths, outlierDetection?.minHealthPercent ?? 0);
    let nextMs = Number.POSITIVE_INFINITY;
    this.#levels.forEach((level, index) => {
      const { percent = 0, isPanicking = false } = loads[index] ?? {};
      level.percent = percent;
      let until = 0;
      level.pools.forEach((pool, at) => {
        nextMs = Math.min(nextMs, pool.settle(nowMs, warmup, isPanicking));
        until += pool.weight * (isPanicking ? 1 : availability(pool));
        level.until[at] = until;
      });
    });
    return nextMs;
  }

  pick(nowMs: number, request: PickRequest<E>): Candidate<E> | undefined {
    const { avoid } = request;
    const level = this.#levels.length === 1 ? this.#levels[0] : this.#drawLevel(request.hash);
    if (level === undefined) return undefined;
    const chosen = this.#drawPool(level)?.picker.pick(nowMs, request);
    if (chosen !== undefined && chosen !== avoid) return chosen;
    return this.#pickElsewhere(nowMs, request) ?? chosen;
  }

  /** With a hash it decides here too, as in Envoy: a key that spills over does so always. */
  #drawLevel(hash: Hash64 | undefined): Level<E> | undefined {
    const drawn = hash === undefined ? Math.floor(this.#random() * 100) : remainderOf(hash.high, hash.low, 100);
    let until = 0;
    for (const level of this.#levels) {
      until += level.percent;
      if (drawn < until) return level;
    }
    return undefined;
  }

  #drawPool({ pools, until }: Level<E>): Pool<E> | undefined {
    const last = pools.length - 1;
    if (last === 0) return pools[0];
    const drawn = this.#random() * (until[last] as number);
    for (let index = 0; index < last; index++) if (drawn < (until[index] as number)) return pools[index];
    return pools[last];
  }

  /** The best of the other pools, when one has only the endpoint to avoid. */
  #pickElsewhere(nowMs: number, request: PickRequest<E>): Candidate<E> | undefined {
    if (this.#pools.length === 1) return undefined;
    for (const { picker } of this.#pools) {
      const chosen = picker.pick(nowMs, request);
      if (chosen !== undefined && chosen !== request.avoid) return chosen;
    }
    return undefined;
  }
}

/** One table for a whole level, so that a key keeps its endpoint. */
function isHashing({ kind }: LoadBalancing): boolean {
  return kind === "ring-hash" || kind === "maglev";
}

function groupsOfLevels<M>(groups: readonly Group<M>[]): Group<M>[][] {
  const byLevel: Group<M>[][] = [];
  for (const group of groups) {
    const level = byLevel[group.level] ?? [];
    level.push(group);
    byLevel[group.level] = level;
  }
  return byLevel;
}

/** Weights that make 1 together: first the groups', then the endpoints' in each. Calculated in Envoy's order, to the last bit. */
function weightsOf<E extends Weighted>(parts: readonly Group<Candidate<E>>[]): readonly number[] {
  const all = sum(parts.map(({ weight }) => weight));
  return parts.flatMap(({ members, weight }) => {
    const weights = members.map(({ endpoint }) => Math.max(1, endpoint.weight));
    const total = sum(weights);
    return weights.map((each) => (each * (weight / all)) / total);
  });
}

function levelsOf<E extends Weighted>(
  groups: readonly (readonly Group<Candidate<E>>[])[],
  pools: readonly Pool<E>[],
): readonly Level<E>[] {
  const byLevel: Pool<E>[][] = [];
  groups.forEach(([first], index) => {
    const level = first?.level ?? 0;
    byLevel[level] = [...(byLevel[level] ?? []), pools[index] as Pool<E>];
  });
  return byLevel.map((each) => ({ pools: each, percent: 0, until: new Float64Array(each.length) }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

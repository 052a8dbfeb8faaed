/** Places on a ring of 64-bit hashes, in columns. Rings may have millions of them. */

export interface RingPlaces {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** Whose place it is. */
  readonly owner: Uint32Array;
}

export function ringPlaces(size: number): RingPlaces {
  return { high: new Uint32Array(size), low: new Uint32Array(size), owner: new Uint32Array(size) };
}

/** Hashes are spread evenly, so that a bucket for every few of them leaves next to nothing to sort. Equal ones stay in their order. */
export function sortPlaces({ high, low, owner }: RingPlaces): RingPlaces {
  const sorted = ringPlaces(high.length);
  const shift = Math.min(31, Math.clz32(high.length) + 1);
  const starts = bucketStarts(high, shift);
  for (let index = 0; index < high.length; index++) {
    const bucket = (high[index] as number) >>> shift;
    const at = starts[bucket] as number;
    starts[bucket] = at + 1;
    sorted.high[at] = high[index] as number;
    sorted.low[at] = low[index] as number;
    sorted.owner[at] = owner[index] as number;
  }
  for (let index = 1; index < high.length; index++) sinkPlace(sorted, index);
  return sorted;
}

/** Where the hashes begin that are alike in all bits from `shift` up. */
function bucketStarts(high: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(2 ** (32 - shift) + 1);
  for (const each of high) {
    const next = (each >>> shift) + 1;
    starts[next] = (starts[next] as number) + 1;
  }
  for (let bucket = 1; bucket < starts.length; bucket++) {
    starts[bucket] = (starts[bucket] as number) + (starts[bucket - 1] as number);
  }
  return starts;
}

/** Moves a place before those that are greater, all of which are next to it. */
function sinkPlace({ high, low, owner }: RingPlaces, from: number): void {
  const itsHigh = high[from] as number;
  const itsLow = low[from] as number;
  const itsOwner = owner[from] as number;
  let at = from;
  for (; at > 0; at--) {
    const before = high[at - 1] as number;
    if (before < itsHigh || (before === itsHigh && (low[at - 1] as number) <= itsLow)) break;
    high[at] = before;
    low[at] = low[at - 1] as number;
    owner[at] = owner[at - 1] as number;
  }
  high[at] = itsHigh;
  low[at] = itsLow;
  owner[at] = itsOwner;
}

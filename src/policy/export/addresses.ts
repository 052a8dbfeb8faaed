/** Blocks of addresses and ranges of ports, in the forms of packet filters. */
import { coversPattern } from "#policy";

/** The block in the family that it is of. Undefined for IPv4 in the form of IPv6, which packets do not have. */
export function familiesOf(
  pattern: string,
): { readonly v4: string | undefined; readonly v6: string | undefined } | undefined {
  if (!pattern.includes(":")) return { v4: withLength(pattern), v6: undefined };
  return coversPattern("source.ip", ALL_V4, pattern) ? undefined : { v4: undefined, v6: withLength(pattern) };
}

export const ALL_V4 = "0.0.0.0/0";
export const ALL_V6 = "::/0";

function withLength(pattern: string): string {
  return pattern.includes("/") ? pattern : `${pattern}/${pattern.includes(":") ? 128 : 32}`;
}

/** Without blocks that others of the same family hold, which packet filters do not take beside them. */
export function distinctBlocks(blocks: readonly string[]): readonly string[] {
  const unique = [...new Set(blocks)];
  return unique.filter((each) => !unique.some((other) => other !== each && holdsBlock(other, each)));
}

/** Whether the one block holds the other, of the same family. */
export function holdsBlock(wide: string, narrow: string): boolean {
  return wide.includes(":") === narrow.includes(":") && coversPattern("source.ip", wide, narrow);
}

/** First and last, both of it. */
export type PortRange = readonly [number, number];

export const ALL_PORTS: readonly PortRange[] = [[1, 65_535]];

export function isWholePorts(ranges: readonly PortRange[]): boolean {
  return JSON.stringify(ranges) === JSON.stringify(ALL_PORTS);
}

export function portRanges(patterns: readonly string[]): readonly PortRange[] {
  return joined(
    patterns.map((pattern) => {
      const [first = 0, last = first] = pattern.split("-").map(Number);
      return [first, last];
    }),
  );
}

/** In order, without overlaps. */
function joined(ranges: readonly PortRange[]): readonly PortRange[] {
  const out: PortRange[] = [];
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = out.at(-1);
    if (before !== undefined && first <= before[1] + 1) out[out.length - 1] = [before[0], Math.max(before[1], last)];
    else out.push([first, last]);
  }
  return out;
}

export function intersection(one: readonly PortRange[], other: readonly PortRange[]): readonly PortRange[] {
  const pairs = one.flatMap(([first, last]) =>
    other.map(([from, to]): PortRange => [Math.max(first, from), Math.min(last, to)]),
  );
  return joined(pairs.filter(([first, last]) => first <= last));
}

export function difference(one: readonly PortRange[], other: readonly PortRange[]): readonly PortRange[] {
  const without = (left: readonly PortRange[], [from, to]: PortRange): readonly PortRange[] =>
    left
      .flatMap(([first, last]): readonly PortRange[] => [
        [first, Math.min(last, from - 1)],
        [Math.max(first, to + 1), last],
      ])
      .filter(([first, last]) => first <= last);
  return other.reduce(without, one);
}

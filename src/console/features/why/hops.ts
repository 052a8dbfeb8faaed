import type { Culprit, HopChange } from "../../api-client/shapes.ts";
import { hopName } from "./wording.ts";

/** More bars than this are a list that nobody compares. */
const MAX_SHOWN = 10;

export function largerMs(hop: HopChange): number {
  return Math.max(hop.baselineMs, hop.currentMs);
}

/** The hops that take the most time now or took it before, largest first, and how many are left out. */
export function largestHops(hops: readonly HopChange[]): { shown: readonly HopChange[]; others: number } {
  const shown = hops.toSorted((a, b) => largerMs(b) - largerMs(a)).slice(0, MAX_SHOWN);
  return { shown, others: hops.length - shown.length };
}

/** A culprit is the hop itself or, for a bad replica, one instance of it: `inventory-2` of `shop/inventory`. */
export function isBlamed(hop: HopChange, culprits: readonly Culprit[]): boolean {
  const instances = `${hopName(hop.hop)}-`;
  return culprits.some(
    (culprit) =>
      (culprit.hop === hop.hop && culprit.cause === hop.cause) ||
      (culprit.cause === "bad-replica" && hop.cause === "application" && culprit.hop.startsWith(instances)),
  );
}

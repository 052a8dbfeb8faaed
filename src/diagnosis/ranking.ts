import type { Attribution } from "./attribution.ts";
import type { ErrorView } from "./error-view.ts";
import { milliseconds } from "./replicas.ts";
import type { Cause, Culprit } from "./report.ts";
import type { Suspect } from "./suspects.ts";
import { errorSummary, latencySummary, NEXT } from "./wording.ts";

export interface Case {
  readonly suspects: readonly Suspect[];
  readonly errors: ErrorView;
  readonly baseline: Attribution;
  readonly current: Attribution;
  /** The factor by which everything slowed down alike. */
  readonly inflation: number;
  /** Callers outside who left by themselves; undefined when nobody did. */
  readonly leaving: Leaving | undefined;
}

export interface Leaving {
  /** What the part of requests whose callers left rose by. */
  readonly rise: number;
  readonly left: number;
  /** How long they waited, and what a request took before. */
  readonly patienceMs: number;
  readonly usualMs: number;
}

/** What time must rise by before anybody is blamed: chance and a busy host make smaller differences by themselves. */
const GUARD = {
  excessMs: 1.5,
  excessOfBaseline: 0.1,
  sigmas: 3,
  perVisitMs: 3,
  perVisitRatio: 1.5,
  shareOfExcess: 0.15,
  /** On hosts without time to spare, where every hop is slower by more or less. */
  shareOfExcessInflated: 0.3,
  inflated: 1.5,
  errorRise: 0.01,
  errorsMin: 3,
  entriesMin: 10,
  leavingRise: 0.05,
} as const;
/** A rise of the failure rate by 5 % weighs as much as a doubled duration. */
const ERROR_WEIGHT = 20;
const CULPRITS_MAX = 5;

interface Charge {
  readonly node: string;
  readonly hop: string;
  readonly cause: Cause;
  readonly weight: number;
  readonly confidence: number;
  readonly summary: string;
  readonly evidence: readonly string[];
}

/** The guilty, the most first; nobody when nothing stands out of the noise. */
export function rank(each: Case): readonly Culprit[] {
  const charges = merge([...latencyCharges(each), ...errorCharges(each.errors), ...leavingCharges(each.leaving)]);
  const total = charges.reduce((sum, charge) => sum + charge.weight, 0);
  return charges
    .sort((a, b) => b.weight - a.weight)
    .slice(0, CULPRITS_MAX)
    .map((charge) => ({
      hop: charge.hop,
      cause: charge.cause,
      share: charge.weight / total,
      confidence: charge.confidence,
      summary: charge.summary,
      evidence: charge.evidence,
      next: NEXT[charge.cause](charge.hop),
    }));
}

function latencyCharges({ suspects, baseline, current, inflation }: Case): Charge[] {
  if (Math.min(baseline.entries, current.entries) < GUARD.entriesMin) return [];
  const totalExcess = suspects.reduce((sum, suspect) => sum + suspect.excessMs, 0);
  const leastMs = totalExcess * (inflation >= GUARD.inflated ? GUARD.shareOfExcessInflated : GUARD.shareOfExcess);
  return suspects
    .filter((suspect) => suspect.excessMs >= leastMs && standsOut(suspect, baseline.meanMs))
    .map((suspect) => ({
      node: suspect.node,
      hop: suspect.hop,
      cause: suspect.cause,
      weight: suspect.excessMs / Math.max(baseline.meanMs, 5),
      confidence: confidenceOf(suspect.sigmas, suspect.excessMs / totalExcess),
      summary: latencySummary(suspect),
      evidence: suspect.evidence,
    }));
}

function standsOut(suspect: Suspect, baselineMs: number): boolean {
  const { perVisit } = suspect;
  const isMuch = suspect.excessMs >= Math.max(GUARD.excessMs, baselineMs * GUARD.excessOfBaseline);
  const isSure = suspect.sigmas >= GUARD.sigmas;
  const isSlower =
    perVisit.currentMs - perVisit.baselineMs >= GUARD.perVisitMs &&
    perVisit.currentMs >= perVisit.baselineMs * GUARD.perVisitRatio;
  return isMuch && isSure && isSlower;
}

function errorCharges(errors: ErrorView): Charge[] {
  const totalRise = errors.current.rate - errors.baseline.rate;
  const isBeyondNoise =
    totalRise >= GUARD.errorRise && errors.current.failed >= GUARD.errorsMin && totalRise >= 4 * errorOf(errors);
  if (!isBeyondNoise) return [];
  return errors.origins
    .filter((origin) => origin.rise >= Math.max(GUARD.errorRise / 2, totalRise * 0.2))
    .map((origin) => ({
      node: origin.node,
      hop: origin.hop,
      cause: origin.cause,
      weight: origin.rise * ERROR_WEIGHT,
      confidence: confidenceOf(Math.sqrt(origin.failed) * 2, origin.rise / totalRise),
      summary: errorSummary(origin),
      evidence: origin.evidence,
    }));
}

function leavingCharges(leaving: Leaving | undefined): Charge[] {
  if (leaving === undefined || leaving.rise < GUARD.leavingRise || leaving.left < GUARD.errorsMin) return [];
  const { rise, left, patienceMs, usualMs } = leaving;
  return [
    {
      node: "external",
      hop: "external",
      cause: "client",
      weight: rise * ERROR_WEIGHT,
      confidence: confidenceOf(Math.sqrt(left) * 2, 1),
      summary: `Callers leave before they have an answer: ${(rise * 100).toFixed(1)} % more of them than before. The mesh is innocent.`,
      evidence: [
        `${left} callers left after ${milliseconds(patienceMs)} on average; an answer took ${milliseconds(usualMs)} before`,
      ],
    },
  ];
}

/** Standard error of the baseline's failure rate, never quite zero. */
function errorOf({ baseline, current }: ErrorView): number {
  const pooled = (baseline.failed + 0.5) / (baseline.requests + 1);
  return Math.sqrt(
    (pooled * (1 - Math.min(pooled, 1))) / Math.max(1, Math.min(baseline.requests || 20, current.requests)),
  );
}

/** Slow and failing at one hop for one cause is one charge. */
function merge(charges: readonly Charge[]): Charge[] {
  const merged: Charge[] = [];
  for (const charge of charges) {
    const index = merged.findIndex((each) => each.hop === charge.hop && each.cause === charge.cause);
    const known = merged[index];
    if (known === undefined) merged.push(charge);
    else
      merged[index] = {
        ...known,
        weight: known.weight + charge.weight,
        confidence: Math.max(known.confidence, charge.confidence),
        summary: known.weight >= charge.weight ? known.summary : charge.summary,
        evidence: [...known.evidence, ...charge.evidence],
      };
  }
  return merged;
}

function confidenceOf(sigmas: number, share: number): number {
  const sure = 1 - 1 / (1 + sigmas / 4);
  return Math.round(Math.min(0.99, Math.max(0.1, sure * 0.5 + Math.min(1, share) * 0.5)) * 100) / 100;
}

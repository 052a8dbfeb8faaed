import type { Attribution } from "./attribution.ts";
import type { ErrorOrigin, ErrorView } from "./error-view.ts";
import { milliseconds } from "./replicas.ts";
import type { Cause, Culprit } from "./report.ts";
import type { Suspect } from "./suspects.ts";

export interface Case {
  readonly suspects: readonly Suspect[];
  readonly errors: ErrorView;
  readonly baseline: Attribution;
  readonly current: Attribution;
}

/** What time must rise by before anybody is blamed: chance and a busy host make smaller differences by themselves. */
const GUARD = {
  excessMs: 1.5,
  excessOfBaseline: 0.1,
  sigmas: 3,
  perVisitMs: 3,
  perVisitRatio: 1.5,
  shareOfExcess: 0.3,
  errorRise: 0.01,
  errorsMin: 3,
  entriesMin: 10,
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
  const charges = merge([...latencyCharges(each), ...errorCharges(each.errors)]);
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

function latencyCharges({ suspects, baseline, current }: Case): Charge[] {
  if (Math.min(baseline.entries, current.entries) < GUARD.entriesMin) return [];
  const totalExcess = suspects.reduce((sum, suspect) => sum + suspect.excessMs, 0);
  return suspects
    .filter((suspect) => standsOut(suspect, baseline.meanMs, totalExcess))
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

function standsOut(suspect: Suspect, baselineMs: number, totalExcess: number): boolean {
  const { perVisit } = suspect;
  const isMuch = suspect.excessMs >= Math.max(GUARD.excessMs, baselineMs * GUARD.excessOfBaseline);
  const isSure = suspect.sigmas >= GUARD.sigmas && suspect.excessMs >= totalExcess * GUARD.shareOfExcess;
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

function latencySummary(suspect: Suspect): string {
  const more = milliseconds(suspect.perVisit.currentMs - suspect.perVisit.baselineMs);
  const slower = `${more} more per call`;
  switch (suspect.cause) {
    case "application":
      return `${suspect.hop} itself is slow: its own work takes ${slower}.`;
    case "bad-replica":
      return `One replica of ${suspect.node}, ${suspect.hop}, is slow; its sisters are not.`;
    case "load-balancer":
      return `The load balancer ${suspect.hop} holds requests back: ${slower}.`;
    case "network":
      return `The way ${suspect.hop} takes ${slower}, beyond what either end does.`;
    case "proxy":
    case "policy-denial":
    case "discovery":
    case "certificate":
    case "overload":
    case "host-contention":
      return `The agent of ${suspect.hop} takes ${slower}.`;
  }
}

function errorSummary(origin: ErrorOrigin): string {
  const rate = `${(origin.rise * 100).toFixed(1)} % of requests fail because of it`;
  switch (origin.cause) {
    case "application":
      return `${origin.hop} itself fails: ${rate}.`;
    case "bad-replica":
      return `One replica of ${origin.node}, ${origin.hop}, fails; its sisters do not: ${rate}.`;
    case "load-balancer":
      return `The load balancer ${origin.hop} makes errors of its own: ${rate}.`;
    case "network":
      return `Calls are lost on the way ${origin.hop}: ${rate}.`;
    case "policy-denial":
      return `A policy denies calls to ${origin.hop}: ${rate}.`;
    case "discovery":
      return `No endpoint of ${origin.hop} is there to call: ${rate}.`;
    case "certificate":
      return `${origin.hop} does not prove the identity that it must have: ${rate}.`;
    case "overload":
      return `${origin.hop} has more requests than it can take: ${rate}.`;
    case "proxy":
    case "host-contention":
      return `The agent of ${origin.hop} fails: ${rate}.`;
  }
}

const NEXT: Readonly<Record<Cause, (hop: string) => string>> = {
  application: (hop) => `heddle trace --service ${hop} --slowest`,
  "bad-replica": (hop) => `Restart or drain ${hop}, and read its log.`,
  "load-balancer": (hop) => `Read the log and the limits of ${hop}; the services behind it are not the cause.`,
  network: (hop) => `Look at what lies on the way ${hop}: links, firewalls, name resolution.`,
  proxy: () => "heddle check",
  "policy-denial": (hop) => `heddle tap --destination ${hop} --verdict deny`,
  discovery: () => "heddle check",
  certificate: () => "heddle check",
  overload: (hop) => `Give ${hop} more replicas, or find out who calls it so often: heddle stat`,
  "host-contention": () => "Look at the hosts' load.",
};

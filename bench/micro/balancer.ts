/** Choosing an endpoint. */
import {
  Balancer,
  type BalancerSettings,
  type LoadBalancing,
  MAGLEV,
  OUTLIER_DEFAULTS,
  PEAK_EWMA,
  RING_HASH,
  Word64,
  xxHash64,
} from "#routing";
import type { Piece } from "./timing.ts";

interface Endpoint {
  readonly instance: string;
  readonly weight: number;
}

/** Weights differ, as the cheap way for equal ones is not what is measured, but for least request, the default. */
function balancerOf(settings: BalancerSettings, endpoints: number): Balancer<Endpoint> {
  const balancer = new Balancer<Endpoint>(Math.random, settings);
  const isEven = settings.policy.kind === "least-request";
  balancer.update(
    Array.from({ length: endpoints }, (_, index) => ({
      instance: `10.0.0.${index}:8080`,
      weight: isEven ? 1 : 1 + (index % 3),
    })),
  );
  return balancer;
}

function select(policy: LoadBalancing, endpoints: number): Piece {
  const balancer = balancerOf({ policy, outlierDetection: OUTLIER_DEFAULTS }, endpoints);
  const nowMs = Date.now();
  for (const candidate of balancer.candidates) candidate.answered(nowMs, 200, 20);
  let key = 0;
  const hash = new Word64();
  const request = { avoid: undefined, hash };
  return {
    name: `balancer select, ${policy.kind}, ${endpoints} endpoints`,
    run() {
      key = (key + 0x9e3779b1) >>> 0;
      hash.high = key;
      const chosen = balancer.select(nowMs, request);
      return chosen === undefined ? Number.NaN : chosen.inFlight;
    },
  };
}

function hashKey(): Piece {
  const hash = new Word64();
  return {
    name: "balancer hash of a key of 36 characters",
    run: () => xxHash64("5f0c8a52-8f64-4a3f-9f0b-7d5b7a1f0c11", 0, hash).low,
  };
}

const POLICIES: readonly LoadBalancing[] = [
  { kind: "least-request" },
  { kind: "round-robin" },
  { kind: "random" },
  PEAK_EWMA,
  RING_HASH,
  MAGLEV,
];

export const balancerPieces = (): readonly Piece[] => [
  select({ kind: "least-request" }, 3),
  ...POLICIES.map((policy) => select(policy, 100)),
  hashKey(),
];

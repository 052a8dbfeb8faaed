/** Endpoints and keys by which ring hash and Maglev are compared with the figures in Envoy's tests. */
import { Balancer, type BalancerSettings, type Hash64, RING_HASH, type Weighted } from "#routing";
import { seededRandom } from "./random.ts";

export const hash64 = (value: bigint): Hash64 => ({ high: Number(value >> 32n), low: Number(value & 0xffff_ffffn) });

export function balancerOf(settings: BalancerSettings, endpoints: readonly Weighted[]): Balancer<Weighted> {
  const balancer = new Balancer<Weighted>(seededRandom(1).next, settings);
  balancer.update(endpoints);
  return balancer;
}

export const host = (port: number, weight = 1): Weighted => ({ instance: `127.0.0.1:${port}`, weight });

/** One of region `r`. */
export const zonedHost = (port: number, zone: string, weight = 1): Weighted => ({
  ...host(port, weight),
  locality: { region: "r", zone, subZone: "" },
});

export const ring = (minimumRingSize: number, maximumRingSize = RING_HASH.maximumRingSize): BalancerSettings => ({
  policy: { kind: "ring-hash", minimumRingSize, maximumRingSize },
});

export const maglev = (tableSize: number): BalancerSettings => ({ policy: { kind: "maglev", tableSize } });

/** Whom a hash meets. */
export function portOf(balancer: Balancer<Weighted>, hash: bigint): number {
  return Number(
    balancer
      .select(0, { hash: hash64(hash) })
      ?.endpoint.instance.split(":")
      .at(-1),
  );
}

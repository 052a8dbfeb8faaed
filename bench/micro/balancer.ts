/** Choosing an endpoint. */
import { Balancer } from "#routing";
import type { Piece } from "./timing.ts";

function select(endpoints: number): Piece {
  const balancer = new Balancer<{ readonly instance: string; readonly weight: number }>(Math.random);
  balancer.update(Array.from({ length: endpoints }, (_, index) => ({ instance: `back-${index}`, weight: 1 })));
  const nowMs = Date.now();
  return {
    name: `balancer select, ${endpoints} endpoints`,
    run() {
      const chosen = balancer.select(nowMs);
      return chosen === undefined ? Number.NaN : chosen.inFlight;
    },
  };
}

export const balancerPieces = (): readonly Piece[] => [select(3), select(100)];

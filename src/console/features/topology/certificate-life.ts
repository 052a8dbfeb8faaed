import type { GraphView } from "../../api-client/shapes.ts";

/**
 * The longest remaining life seen in this mesh, in milliseconds; it stands for a certificate's whole life.
 *
 * The graph tells when a certificate ends, not when it began. All SVIDs of a mesh are issued for the same time, so the
 * freshest one that was ever seen is nearest to it, and each rotation makes it more exact.
 */
export function longestLife(previousMs: number, graph: GraphView): number {
  return graph.nodes
    .flatMap((node) => node.replicas)
    .reduce((longest, replica) => Math.max(longest, replica.svidNotAfterMs - graph.generatedAtMs), previousMs);
}

/** The share of its life that a certificate still has, 0 to 1. */
export function remainingShare(notAfterMs: number, nowMs: number, lifeMs: number): number {
  if (lifeMs <= 0) return 0;
  return Math.min(1, Math.max(0, (notAfterMs - nowMs) / lifeMs));
}

import type { GraphView, NodeRole } from "../../api-client/shapes.ts";
import { edgeId } from "./signals.ts";

interface KnownNode {
  readonly id: string;
  readonly role: NodeRole;
}

interface KnownEdge {
  readonly id: string;
  readonly source: string;
  readonly destination: string;
}

/** Everything that was on the map since the page was opened, sorted, so that the same mesh always gives the same picture. */
export interface KnownTopology {
  readonly nodes: readonly KnownNode[];
  readonly edges: readonly KnownEdge[];
}

export const NOTHING_KNOWN: KnownTopology = { nodes: [], edges: [] };

/**
 * The topology with what the graph adds to it; the very same object when it adds nothing, so that no layout is made anew.
 *
 * What leaves the graph keeps its place: a quiet edge or a restarting service must not make the whole map jump.
 */
export function learn(known: KnownTopology, graph: GraphView): KnownTopology {
  const knownNodes = new Set(known.nodes.map((node) => node.id));
  const knownEdges = new Set(known.edges.map((edge) => edge.id));
  const nodes = graph.nodes.filter((node) => !knownNodes.has(node.id)).map(({ id, role }) => ({ id, role }));
  const present = new Set([...knownNodes, ...nodes.map((node) => node.id)]);
  const edges = graph.edges
    .map((edge) => ({ id: edgeId(edge), source: edge.source, destination: edge.destination }))
    .filter((edge) => !knownEdges.has(edge.id) && present.has(edge.source) && present.has(edge.destination));
  if (nodes.length === 0 && edges.length === 0) return known;
  return { nodes: sorted([...known.nodes, ...nodes]), edges: sorted([...known.edges, ...edges]) };
}

function sorted<T extends { readonly id: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js";
import type { KnownTopology } from "./known-topology.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface EdgeRoute {
  readonly path: string;
  readonly label: Point;
}

/** Where everything on the map is, in the map's own pixels; nodes by their upper left corner, labels by their middle. */
export interface Layout {
  readonly direction: Direction;
  readonly width: number;
  readonly height: number;
  readonly nodes: ReadonlyMap<string, Point>;
  readonly edges: ReadonlyMap<string, EdgeRoute>;
}

export type Direction = "DOWN" | "RIGHT";

export const NODE_SIZE = { width: 196, height: 76 } as const;
const LABEL_SIZE = { width: 112, height: 34 } as const;

/** Above this many edges labels would cover the map: they are shown for the selection, and the table has them all. */
export const MAX_LABELLED_EDGES = 48;

const CORNER_RADIUS = 10;

export function toElkGraph(topology: KnownTopology, direction: Direction): ElkNode {
  const labelled = topology.edges.length <= MAX_LABELLED_EDGES;
  return {
    id: "map",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": direction,
      "elk.edgeRouting": "ORTHOGONAL",
      "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
      "elk.layered.spacing.nodeNodeBetweenLayers": labelled ? "15" : "64",
      "elk.layered.spacing.edgeNodeBetweenLayers": "12",
      "elk.layered.spacing.edgeEdgeBetweenLayers": "10",
      "elk.spacing.nodeNode": "22",
      "elk.spacing.edgeNode": "18",
      "elk.spacing.edgeEdge": "14",
      "elk.spacing.edgeLabel": "0",
    },
    children: topology.nodes.map(({ id, role }) => ({
      id,
      ...NODE_SIZE,
      layoutOptions: role === "external" ? { "elk.layered.layering.layerConstraint": "FIRST_SEPARATE" } : {},
    })),
    edges: topology.edges.map((edge) => ({
      id: edge.id,
      sources: [edge.source],
      targets: [edge.destination],
      labels: labelled
        ? [
            {
              text: edge.id,
              ...LABEL_SIZE,
              layoutOptions: { "elk.edgeLabels.placement": "CENTER", "elk.edgeLabels.inline": "true" },
            },
          ]
        : [],
    })),
  };
}

export function fromElkGraph(graph: ElkNode, direction: Direction): Layout {
  return {
    direction,
    width: graph.width ?? 0,
    height: graph.height ?? 0,
    nodes: new Map((graph.children ?? []).map((node) => [node.id, { x: node.x ?? 0, y: node.y ?? 0 }])),
    edges: new Map((graph.edges ?? []).map((edge) => [edge.id ?? "", routeOf(edge)])),
  };
}

/** The scale at which the whole layout fits into the room there is. */
export function fitScale(layout: Layout, room: { readonly width: number; readonly height: number }): number {
  return Math.min(room.width / Math.max(1, layout.width), room.height / Math.max(1, layout.height));
}

/** The node that an arrow key leads to: the nearest one that lies more in that direction than beside it. */
export function neighbourOf(layout: Layout, from: string, key: string): string | undefined {
  const start = layout.nodes.get(from);
  const heading = HEADINGS[key];
  if (start === undefined || heading === undefined) return;
  let best: { id: string; cost: number } | undefined;
  for (const [id, at] of layout.nodes) {
    const forward = (at.x - start.x) * heading.x + (at.y - start.y) * heading.y;
    const aside = Math.abs((at.x - start.x) * heading.y) + Math.abs((at.y - start.y) * heading.x);
    if (id === from || forward <= 0 || aside > forward * 3) continue;
    const cost = forward + aside * 2;
    if (best === undefined || cost < best.cost) best = { id, cost };
  }
  return best?.id;
}

const HEADINGS: Readonly<Record<string, Point>> = {
  ArrowRight: { x: 1, y: 0 },
  ArrowLeft: { x: -1, y: 0 },
  ArrowDown: { x: 0, y: 1 },
  ArrowUp: { x: 0, y: -1 },
};

function routeOf(edge: ElkExtendedEdge): EdgeRoute {
  const section = edge.sections?.[0];
  const points = section === undefined ? [] : [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
  const label = edge.labels?.[0];
  const middle =
    label === undefined
      ? midpoint(points)
      : { x: (label.x ?? 0) + LABEL_SIZE.width / 2, y: (label.y ?? 0) + LABEL_SIZE.height / 2 };
  return { path: roundedPath(points), label: middle };
}

/** An SVG path through the points whose corners are rounded, each by no more than half of its shorter side. */
export function roundedPath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  const commands = [`M${first.x},${first.y}`];
  let before = first;
  for (const [index, corner] of rest.entries()) {
    const after = rest[index + 1];
    if (after === undefined) {
      commands.push(`L${corner.x},${corner.y}`);
    } else {
      const enter = towards(corner, before);
      const leave = towards(corner, after);
      commands.push(`L${enter.x},${enter.y}`, `Q${corner.x},${corner.y} ${leave.x},${leave.y}`);
    }
    before = corner;
  }
  return commands.join(" ");
}

function towards(corner: Point, other: Point): Point {
  const length = distance(corner, other);
  if (length === 0) return corner;
  const share = Math.min(CORNER_RADIUS, length / 2) / length;
  return { x: corner.x + (other.x - corner.x) * share, y: corner.y + (other.y - corner.y) * share };
}

function midpoint(points: readonly Point[]): Point {
  const legs = points.slice(1).map((end, index) => ({ start: points[index] ?? end, end }));
  let remaining = legs.reduce((total, leg) => total + distance(leg.start, leg.end), 0) / 2;
  for (const { start, end } of legs) {
    const length = distance(start, end);
    if (length >= remaining && length > 0) {
      const share = remaining / length;
      return { x: start.x + (end.x - start.x) * share, y: start.y + (end.y - start.y) * share };
    }
    remaining -= length;
  }
  return points[0] ?? { x: 0, y: 0 };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

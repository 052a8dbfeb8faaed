import { Position } from "@xyflow/react";
import type { EdgeView, GraphView, NodeView } from "../../api-client/shapes.ts";
import type { LifeClock } from "./certificate-ring.tsx";
import { type Layout, MAX_LABELLED_EDGES, NODE_SIZE } from "./layout.ts";
import type { ServiceNode } from "./service-node.tsx";
import { edgeId, edgeState, nodeHealth, nodeSignals } from "./signals.ts";
import type { TrafficEdge } from "./traffic-edge.tsx";

/** What is chosen on the map: a service by its `namespace/name`, or an edge by `caller>callee`. */
export interface Selection {
  readonly kind: "node" | "edge";
  readonly id: string;
}

export interface MapInput {
  readonly graph: GraphView;
  readonly layout: Layout;
  readonly clock: LifeClock;
  readonly selection: Selection | undefined;
}

export interface NodeActions {
  readonly onSelect: (id: string) => void;
  readonly onHeading: (id: string, key: string) => boolean;
  readonly onReveal: (id: string) => void;
}

export function mapNodes(input: MapInput, actions: NodeActions): ServiceNode[] {
  const near = nearSelection(input.graph, input.selection);
  return input.graph.nodes.flatMap((view) => {
    const position = input.layout.nodes.get(view.id);
    return position === undefined ? [] : [mapNode({ view, position, near }, input, actions)];
  });
}

interface PlacedNode {
  readonly view: NodeView;
  readonly position: { readonly x: number; readonly y: number };
  readonly near: ReadonlySet<string> | undefined;
}

function mapNode({ view, position, near }: PlacedNode, input: MapInput, actions: NodeActions): ServiceNode {
  const signals = nodeSignals(input.graph, view.id);
  return {
    id: view.id,
    type: "service",
    position,
    ...NODE_SIZE,
    measured: NODE_SIZE,
    handles: handlesFor(input.layout),
    data: {
      view,
      signals,
      health: nodeHealth(view, signals),
      clock: input.clock,
      direction: input.layout.direction,
      chosen: input.selection?.id === view.id,
      faded: near?.has(view.id) === false,
      ...actions,
    },
  };
}

export function mapEdges(input: MapInput, onSelect: (id: string) => void): TrafficEdge[] {
  const near = nearSelection(input.graph, input.selection);
  const few = input.graph.edges.length <= MAX_LABELLED_EDGES;
  return input.graph.edges.flatMap((view) => {
    const id = edgeId(view);
    const route = input.layout.edges.get(id);
    if (route === undefined) return [];
    const close = near?.has(id) === true;
    return [
      {
        id,
        type: "traffic" as const,
        source: view.source,
        target: view.destination,
        // The label is a button of its own and says it all.
        domAttributes: { "aria-hidden": true },
        data: {
          view,
          route,
          state: edgeState(view),
          chosen: input.selection?.id === id,
          faded: near !== undefined && !close,
          labelled: few || close || edgeState(view) === "denied",
          moving: view.requestsPerSecond > 0 && (few || close),
          onSelect,
        },
      },
    ];
  });
}

/** The chosen thing and what touches it, nodes and edges alike; nothing when nothing is chosen. */
function nearSelection(graph: GraphView, selection: Selection | undefined): ReadonlySet<string> | undefined {
  if (selection === undefined) return;
  const touching = graph.edges.filter((edge) => isTouched(edge, selection));
  return new Set([selection.id, ...touching.flatMap((edge) => [edgeId(edge), edge.source, edge.destination])]);
}

function isTouched(edge: EdgeView, selection: Selection): boolean {
  if (selection.kind === "edge") return edgeId(edge) === selection.id;
  return edge.source === selection.id || edge.destination === selection.id;
}

/** Given in advance, so that edges are drawn with the first frame instead of after the cards were measured. */
function handlesFor(layout: Layout): NonNullable<ServiceNode["handles"]> {
  const down = layout.direction === "DOWN";
  const { width, height } = NODE_SIZE;
  const size = { width: 1, height: 1 };
  return [
    {
      type: "target",
      position: down ? Position.Top : Position.Left,
      ...(down ? { x: width / 2, y: 0 } : { x: 0, y: height / 2 }),
      ...size,
    },
    {
      type: "source",
      position: down ? Position.Bottom : Position.Right,
      ...(down ? { x: width / 2, y: height } : { x: width, y: height / 2 }),
      ...size,
    },
  ];
}

import type { JSX } from "react";
import type { GraphView } from "../../api-client/shapes.ts";
import type { LifeClock } from "../topology/certificate-ring.tsx";
import type { Selection } from "../topology/map-elements.ts";
import { edgeId } from "../topology/signals.ts";
import "./details.css";
import { EdgeDetails } from "./edge-details.tsx";
import { NodeDetails } from "./node-details.tsx";

export interface DetailsProps {
  readonly graph: GraphView;
  readonly clock: LifeClock;
  readonly selection: Selection | undefined;
  readonly onSelect: (selection: Selection) => void;
  readonly onWhy: (service: string) => void;
}

export function DetailsPanel({ graph, clock, selection, onSelect, onWhy }: DetailsProps): JSX.Element {
  if (selection === undefined) {
    return <p className="details__hint muted">Choose a service or a line on the map to see both ends of it.</p>;
  }
  if (selection.kind === "node") {
    const node = graph.nodes.find((each) => each.id === selection.id);
    if (node !== undefined) return <NodeDetails {...{ graph, clock, node, onSelect, onWhy }} />;
  }
  const edge = graph.edges.find((each) => edgeId(each) === selection.id);
  if (edge !== undefined) return <EdgeDetails edge={edge} windowMs={graph.windowMs} onSelect={onSelect} />;
  return <p className="details__hint muted">Nothing was heard of it within this window.</p>;
}

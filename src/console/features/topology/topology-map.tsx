import { useElementSize } from "@mantine/hooks";
import { Background, BackgroundVariant, ReactFlow, ReactFlowProvider, useStore } from "@xyflow/react";
import { type JSX, useMemo } from "react";
import type { GraphView } from "../../api-client/shapes.ts";
import "./topology.css";
import { ArrowHeads } from "./arrow-heads.tsx";
import type { LifeClock } from "./certificate-ring.tsx";
import type { Layout } from "./layout.ts";
import { MapControls } from "./map-controls.tsx";
import { mapEdges, mapNodes, type Selection } from "./map-elements.ts";
import { MapKey } from "./map-key.tsx";
import { ServiceNodeCard } from "./service-node.tsx";
import { TrafficEdgeLine } from "./traffic-edge.tsx";
import { useKeptInView } from "./use-kept-in-view.ts";
import { useLayout } from "./use-layout.ts";
import { useMapActions } from "./use-map-actions.ts";

const NODE_TYPES = { service: ServiceNodeCard };
const EDGE_TYPES = { traffic: TrafficEdgeLine };

/** Below this zoom the figures on a card could not be read, so its name takes their room. */
const FAR_ZOOM = 0.42;

export interface TopologyMapProps {
  readonly graph: GraphView;
  readonly clock: LifeClock;
  readonly selection: Selection | undefined;
  readonly onSelect: (selection: Selection | undefined) => void;
}

export function TopologyMap(props: TopologyMapProps): JSX.Element {
  const { ref, width, height } = useElementSize();
  const layout = useLayout(props.graph, { width, height });
  return (
    <div ref={ref} className="map" data-testid="map">
      {layout !== undefined && (
        <ReactFlowProvider>
          <MapCanvas {...props} layout={layout} room={{ width, height }} />
        </ReactFlowProvider>
      )}
      <MapKey />
    </div>
  );
}

interface MapCanvasProps extends TopologyMapProps {
  readonly layout: Layout;
  readonly room: { readonly width: number; readonly height: number };
}

function MapCanvas({ graph, clock, selection, onSelect, layout, room }: MapCanvasProps): JSX.Element {
  const actions = useMapActions(layout, onSelect);
  const keepInView = useKeptInView(layout, room);
  const far = useStore((state) => state.transform[2] < FAR_ZOOM);
  const input = { graph, layout, clock, selection };
  const nodes = mapNodes(input, actions);
  const edges = useMemo(
    () => mapEdges({ graph, layout, clock, selection }, actions.onSelectEdge),
    [graph, layout, clock, selection, actions],
  );
  return (
    <ReactFlow
      className={far ? "map--far" : ""}
      nodes={nodes}
      edges={edges}
      nodeTypes={NODE_TYPES}
      edgeTypes={EDGE_TYPES}
      nodesDraggable={false}
      nodesConnectable={false}
      nodesFocusable={false}
      edgesFocusable={false}
      elementsSelectable={false}
      minZoom={0.1}
      maxZoom={2}
      disableKeyboardA11y
      deleteKeyCode={null}
      selectionKeyCode={null}
      multiSelectionKeyCode={null}
      onMoveStart={keepInView.onMoveStart}
      onPaneClick={() => onSelect(undefined)}
      onEdgeClick={(_, edge) => actions.onSelectEdge(edge.id)}
      proOptions={{ hideAttribution: true }}
      aria-label="Map of services"
    >
      <ArrowHeads />
      <Background variant={BackgroundVariant.Dots} gap={22} size={1.2} />
      <MapControls onFit={keepInView.fit} />
    </ReactFlow>
  );
}

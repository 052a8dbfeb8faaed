import { useReactFlow, useStoreApi } from "@xyflow/react";
import { useMemo } from "react";
import { type Layout, NODE_SIZE, neighbourOf, type Point } from "./layout.ts";
import type { NodeActions, Selection } from "./map-elements.ts";
import { nodeElementId } from "./service-node.tsx";

interface MapActions extends NodeActions {
  readonly onSelectEdge: (id: string) => void;
}

/** What a reader can do on the map by pointer and by keyboard; arrow keys walk from card to card. */
export function useMapActions(layout: Layout, onSelect: (selection: Selection | undefined) => void): MapActions {
  const { setCenter, getZoom } = useReactFlow();
  const store = useStoreApi();
  return useMemo(
    () => ({
      onSelect: (id) => onSelect({ kind: "node", id }),
      onSelectEdge: (id) => onSelect({ kind: "edge", id }),
      onHeading: (id, key) => focusNeighbour(layout, id, key),
      onReveal: (id) => {
        const at = layout.nodes.get(id);
        if (at === undefined || isInView(at, store.getState())) return;
        const middle = { x: at.x + NODE_SIZE.width / 2, y: at.y + NODE_SIZE.height / 2 };
        void setCenter(middle.x, middle.y, { zoom: getZoom(), duration: 150 });
      },
    }),
    [layout, onSelect, setCenter, getZoom, store],
  );
}

function focusNeighbour(layout: Layout, id: string, key: string): boolean {
  const next = neighbourOf(layout, id, key);
  if (next === undefined) return false;
  document.getElementById(nodeElementId(next))?.focus({ preventScroll: true });
  return true;
}

interface View {
  readonly width: number;
  readonly height: number;
  readonly transform: readonly [number, number, number];
}

function isInView(at: Point, { width, height, transform: [left, top, zoom] }: View): boolean {
  const x = at.x * zoom + left;
  const y = at.y * zoom + top;
  return x >= 0 && y >= 0 && x + NODE_SIZE.width * zoom <= width && y + NODE_SIZE.height * zoom <= height;
}

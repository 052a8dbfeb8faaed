import { useEffect, useState } from "react";
import type { GraphView } from "../../api-client/shapes.ts";
import { type KnownTopology, learn, NOTHING_KNOWN } from "./known-topology.ts";
import type { Layout } from "./layout.ts";
import { LayoutEngine } from "./layout-engine.ts";

/** Below this the room has not been measured yet. */
const SMALLEST_ROOM_PX = 40;

/** The layout of all that was ever seen; made anew only when something new appears or the room turns on its side. */
export function useLayout(graph: GraphView, room: { width: number; height: number }): Layout | undefined {
  const known = useKnownTopology(graph);
  const engine = useLayoutEngine();
  const [layout, setLayout] = useState<Layout>();
  const measured = Math.min(room.width, room.height) > SMALLEST_ROOM_PX;
  // In steps, so that dragging the edge of the window does not rearrange the map all the while.
  const aspect = measured ? Math.round((room.width / room.height) * 2) / 2 : 0;
  useEffect(() => {
    if (engine === undefined || aspect === 0) return;
    let current = true;
    void engine.arrange(known, { width: aspect, height: 1 }).then((next) => {
      if (current) setLayout(next);
    });
    return () => {
      current = false;
    };
  }, [engine, known, aspect]);
  return layout;
}

function useKnownTopology(graph: GraphView): KnownTopology {
  const [known, setKnown] = useState<KnownTopology>(NOTHING_KNOWN);
  const next = learn(known, graph);
  if (next !== known) setKnown(next);
  return next;
}

function useLayoutEngine(): LayoutEngine | undefined {
  const [engine, setEngine] = useState<LayoutEngine>();
  useEffect(() => {
    const started = new LayoutEngine();
    setEngine(started);
    return () => started.stop();
  }, []);
  return engine;
}

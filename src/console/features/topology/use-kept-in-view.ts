import { useReactFlow } from "@xyflow/react";
import { useCallback, useEffect, useRef } from "react";
import type { Layout } from "./layout.ts";

const FIT = { padding: 0.04, maxZoom: 1.15 } as const;

interface KeptInView {
  readonly fit: () => void;
  readonly onMoveStart: (event: MouseEvent | TouchEvent | null) => void;
}

/** Fits the whole map into its room when either changes, until the reader moves the map; from then on it is theirs. */
export function useKeptInView(layout: Layout, room: { width: number; height: number }): KeptInView {
  const { setViewport } = useReactFlow();
  const movedByReader = useRef(false);
  const { width, height } = room;
  const show = useCallback(
    (duration: number) => {
      const zoom = Math.min(
        FIT.maxZoom,
        (width * (1 - FIT.padding)) / layout.width,
        (height * (1 - FIT.padding)) / layout.height,
      );
      const x = (width - layout.width * zoom) / 2;
      const y = (height - layout.height * zoom) / 2;
      void setViewport({ x, y, zoom }, { duration });
    },
    [layout, width, height, setViewport],
  );
  useEffect(() => {
    if (!movedByReader.current) show(0);
  }, [show]);
  const fit = useCallback(() => {
    movedByReader.current = false;
    show(200);
  }, [show]);
  const onMoveStart = useCallback((event: MouseEvent | TouchEvent | null) => {
    if (event !== null) movedByReader.current = true;
  }, []);
  return { fit, onMoveStart };
}

import { useReactFlow } from "@xyflow/react";
import { useCallback, useEffect, useRef } from "react";
import { fitScale, type Layout } from "./layout.ts";

/** In pixels; more below, where the key of the map lies. */
const MARGIN = { around: 16, below: 52 } as const;
const LARGEST_ZOOM = 1.15;

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
      const free = { width: width - 2 * MARGIN.around, height: height - MARGIN.around - MARGIN.below };
      const zoom = Math.min(LARGEST_ZOOM, fitScale(layout, free));
      const x = (width - layout.width * zoom) / 2;
      const y = MARGIN.around + (free.height - layout.height * zoom) / 2;
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

import type { JSX } from "react";

/** Drawn on a grid of 24 with one pen, so that they belong together and no icon font has to be fetched. */
const PATHS = {
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  unlocked: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 6.6-1.6",
  denied: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M5.7 5.7l12.6 12.6",
  service: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  gateway: "M4 21V9a8 8 0 0 1 16 0v12M4 21h4M16 21h4M9 14h6M12.5 11l3 3-3 3",
  "load-balancer": "M12 4v5M12 9L5 15v5M12 9l7 6v5M12 9v11M10 4h4",
  external: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M3 12h18M12 3c3 3 3.5 6 3.5 9s-.5 6-3.5 9c-3-3-3.5-6-3.5-9S9 6 12 3",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7M17.3 17.3L19 19M5 19l1.7-1.7M17.3 6.7L19 5",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5v15l12-7.5z",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  leave: "M14 4H5v16h9M10 12h10M17 9l3 3-3 3",
  warning: "M12 4l9.5 16h-19zM12 10v4.5M12 17.4v.1",
  check: "M4.5 12.5l5 5 10-11",
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration only: the meaning is always said in text beside it. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The product's mark: warp threads, and the heddle's eye that lets one weft through. */
export function Mark(): JSX.Element {
  return (
    <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path className="mark__warp" d="M5 3v18M12 3v5.2M12 15.8V21M19 3v18" />
      <circle className="mark__warp" cx="12" cy="12" r="3.4" />
      <path className="mark__weft" d="M2 12h6M16 12h6" />
    </svg>
  );
}

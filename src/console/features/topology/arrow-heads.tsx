import type { JSX } from "react";
import type { EdgeState } from "./signals.ts";

const STATES: readonly EdgeState[] = ["idle", "good", "warn", "bad", "denied"];

/** An arrow head for each colour of line: a marker cannot take the colour of the line it ends in every browser. */
export function ArrowHeads(): JSX.Element {
  return (
    <svg className="arrow-heads" aria-hidden="true">
      <defs>
        {STATES.map((state) => (
          <marker
            key={state}
            id={`arrow-${state}`}
            className={`arrow arrow--${state}`}
            viewBox="0 0 10 10"
            refX="9"
            refY="5"
            markerUnits="userSpaceOnUse"
            markerWidth="9"
            markerHeight="9"
            orient="auto-start-reverse"
          >
            <path d="M0,1 L9,5 L0,9 z" />
          </marker>
        ))}
      </defs>
    </svg>
  );
}

import type { JSX } from "react";
import type { EdgeView } from "../../api-client/shapes.ts";
import { Icon } from "../../design/icons.tsx";
import { formatCount, formatDuration } from "../../format/quantities.ts";
import { edgeId } from "../topology/signals.ts";
import { shortName } from "../topology/wording.ts";

export function Denials({ edges, windowMs }: { edges: readonly EdgeView[]; windowMs: number }): JSX.Element | null {
  if (edges.length === 0) return null;
  return (
    <section className="denials" aria-label="Denials">
      <h3>
        <Icon name="denied" /> Denied in the last {formatDuration(windowMs)}
      </h3>
      <ul className="details__list">
        {edges.map((edge) => (
          <li key={edgeId(edge)}>
            <b>{formatCount(edge.denied)}</b> from {shortName(edge.source)} to {shortName(edge.destination)} by{" "}
            {edge.denyPolicies.map((policy) => (
              <code key={policy}>{policy}</code>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

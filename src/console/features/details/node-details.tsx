import type { JSX } from "react";
import type { EdgeView, GraphView, NodeView } from "../../api-client/shapes.ts";
import { Icon } from "../../design/icons.tsx";
import { formatAge, formatRate, formatShare } from "../../format/quantities.ts";
import { CertificateRing, type LifeClock } from "../topology/certificate-ring.tsx";
import type { Selection } from "../topology/map-elements.ts";
import { edgeId, edgeState, nodeReporters, nodeSignals } from "../topology/signals.ts";
import { ROLE_NAMES, shortName } from "../topology/wording.ts";
import { BothReporters } from "./both-reporters.tsx";
import { Denials } from "./denials.tsx";
import { SignalTiles } from "./signal-tiles.tsx";

export interface NodeDetailsProps {
  readonly graph: GraphView;
  readonly clock: LifeClock;
  readonly node: NodeView;
  readonly onSelect: (selection: Selection) => void;
  readonly onWhy: (service: string) => void;
}

export function NodeDetails({ graph, clock, node, onSelect, onWhy }: NodeDetailsProps): JSX.Element {
  const inbound = graph.edges.filter((edge) => edge.destination === node.id);
  const outbound = graph.edges.filter((edge) => edge.source === node.id);
  return (
    <div className="details">
      <header className="details__head">
        <Icon name={node.role} />
        <div>
          <h2>{node.name}</h2>
          <p className="muted">
            {ROLE_NAMES[node.role]} in {node.namespace}
          </p>
        </div>
        <button type="button" className="quiet-button details__why" onClick={() => onWhy(node.id)}>
          Why?
        </button>
      </header>
      <SignalTiles signals={nodeSignals(graph, node.id)} />
      {inbound.length > 0 && <BothReporters reporters={nodeReporters(graph, node.id)} />}
      <Replicas node={node} clock={clock} />
      <Calls title="Called by" edges={inbound} end="source" onSelect={onSelect} />
      <Calls title="Calls" edges={outbound} end="destination" onSelect={onSelect} />
      <Denials edges={[...inbound, ...outbound].filter((edge) => edge.denied > 0)} windowMs={graph.windowMs} />
    </div>
  );
}

function Replicas({ node, clock }: { node: NodeView; clock: LifeClock }): JSX.Element | null {
  if (node.replicas.length === 0) return null;
  return (
    <section aria-label="Replicas">
      <h3>Replicas</h3>
      <ul className="details__list">
        {node.replicas.map((replica) => (
          <li key={replica.instance} className="details__row">
            <CertificateRing replica={replica} clock={clock} />
            <span className="details__instance">{replica.instance}</span>
            <span className={replica.ready ? "tone-good" : "tone-bad"}>{replica.ready ? "ready" : "not ready"}</span>
            <span className="muted details__number">certificate {formatAge(replica.svidNotAfterMs - clock.nowMs)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface CallsProps {
  readonly title: string;
  readonly edges: readonly EdgeView[];
  readonly end: "source" | "destination";
  readonly onSelect: (selection: Selection) => void;
}

function Calls({ title, edges, end, onSelect }: CallsProps): JSX.Element | null {
  if (edges.length === 0) return null;
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <ul className="details__list">
        {edges.map((edge) => (
          <li key={edgeId(edge)} className="details__row">
            <span className={edge.mtls ? "tone-good" : "tone-bad"}>
              <Icon name={edge.mtls ? "lock" : "unlocked"} />
            </span>
            <button type="button" className="quiet-button" onClick={() => onSelect({ kind: "edge", id: edgeId(edge) })}>
              {shortName(edge[end])}
            </button>
            <span className={`details__number ${edgeState(edge) === "denied" ? "tone-denied" : "muted"}`}>
              {edgeState(edge) === "denied" ? "denied" : `${formatRate(edge.requestsPerSecond)}/s`}
              {edgeState(edge) !== "denied" && edge.successRate !== null && ` · ${formatShare(edge.successRate)}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

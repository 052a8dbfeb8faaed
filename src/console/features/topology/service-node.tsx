import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { type JSX, memo } from "react";
import type { NodeView } from "../../api-client/shapes.ts";
import { Icon } from "../../design/icons.tsx";
import { formatMs, formatRate, formatShare } from "../../format/quantities.ts";
import "./service-node.css";
import { CertificateRing, type LifeClock } from "./certificate-ring.tsx";
import type { Direction } from "./layout.ts";
import { type Health, latencyHealth, type Signals, successHealth } from "./signals.ts";
import { figureTone, ROLE_NAMES } from "./wording.ts";

/** More rings than this would not fit on a card; the panel lists every replica. */
const MAX_RINGS = 6;

interface ServiceNodeData extends Record<string, unknown> {
  readonly view: NodeView;
  readonly signals: Signals;
  readonly health: Health;
  readonly clock: LifeClock;
  readonly direction: Direction;
  readonly chosen: boolean;
  readonly faded: boolean;
  readonly onSelect: (id: string) => void;
  readonly onHeading: (id: string, key: string) => boolean;
  readonly onReveal: (id: string) => void;
}

export type ServiceNode = Node<ServiceNodeData, "service">;

export const ServiceNodeCard = memo(function ServiceNodeCard({ data }: NodeProps<ServiceNode>): JSX.Element {
  const { view, direction } = data;
  return (
    <>
      <Handle type="target" position={direction === "DOWN" ? Position.Top : Position.Left} isConnectable={false} />
      <button
        type="button"
        id={nodeElementId(view.id)}
        className={`node node--${data.health} node--${view.role} nopan ${data.faded ? "is-faded" : ""}`}
        aria-pressed={data.chosen}
        onClick={() => data.onSelect(view.id)}
        onFocus={(event) => event.currentTarget.matches(":focus-visible") && data.onReveal(view.id)}
        onKeyDown={(event) => data.onHeading(view.id, event.key) && event.preventDefault()}
      >
        <NodeHead view={view} />
        <NodeFigures signals={data.signals} />
        <NodeReplicas view={view} clock={data.clock} />
      </button>
      <Handle type="source" position={direction === "DOWN" ? Position.Bottom : Position.Right} isConnectable={false} />
    </>
  );
});

export function nodeElementId(id: string): string {
  return `node-${id}`;
}

function NodeHead({ view }: { view: NodeView }): JSX.Element {
  return (
    <span className="node__head">
      <Icon name={view.role} />
      <span className="node__name">{view.name}</span>
      <span className={view.role === "service" ? "visually-hidden" : "node__role"}>{ROLE_NAMES[view.role]}</span>
    </span>
  );
}

function NodeFigures({ signals }: { signals: Signals }): JSX.Element {
  if (signals.successRate === undefined) return <span className="node__figures muted">no traffic</span>;
  return (
    <span className="node__figures">
      <span>{formatRate(signals.perSecond)}/s</span>
      <span className={figureTone(successHealth(signals.successRate))}>
        {formatShare(signals.successRate)}
        <span className="visually-hidden"> success</span>
      </span>
      {signals.latency !== undefined && (
        <span className={figureTone(latencyHealth(signals.latency.p99Ms))}>
          {formatMs(signals.latency.p99Ms)}
          <small> ms p99</small>
        </span>
      )}
    </span>
  );
}

function NodeReplicas({ view, clock }: { view: NodeView; clock: LifeClock }): JSX.Element {
  if (view.replicas.length === 0) return <span className="node__replicas muted">outside the mesh</span>;
  const ready = view.replicas.filter((replica) => replica.ready).length;
  return (
    <span className="node__replicas">
      {view.replicas.slice(0, MAX_RINGS).map((replica) => (
        <CertificateRing key={replica.instance} replica={replica} clock={clock} />
      ))}
      <span className={ready < view.replicas.length ? "tone-bad" : "muted"}>
        {ready}/{view.replicas.length} ready
      </span>
    </span>
  );
}

import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps } from "@xyflow/react";
import { type JSX, memo } from "react";
import type { EdgeView } from "../../api-client/shapes.ts";
import { Icon } from "../../design/icons.tsx";
import { summarizePolicies } from "../../format/policies.ts";
import { formatCount, formatMs, formatRate, formatShare } from "../../format/quantities.ts";
import "./traffic-edge.css";
import type { EdgeRoute } from "./layout.ts";
import { type EdgeState, edgeLatency, latencyHealth, successHealth } from "./signals.ts";
import { figureTone, shortName } from "./wording.ts";

interface TrafficEdgeData extends Record<string, unknown> {
  readonly view: EdgeView;
  readonly route: EdgeRoute;
  readonly state: EdgeState;
  readonly chosen: boolean;
  readonly faded: boolean;
  readonly labelled: boolean;
  readonly moving: boolean;
  readonly onSelect: (id: string) => void;
}

export type TrafficEdge = Edge<TrafficEdgeData, "traffic">;

export const TrafficEdgeLine = memo(function TrafficEdgeLine({ id, data }: EdgeProps<TrafficEdge>): JSX.Element | null {
  if (data === undefined) return null;
  const { view, route, state } = data;
  const weight = lineWeight(view.requestsPerSecond);
  const look = `${data.faded ? "is-faded" : ""} ${data.chosen ? "is-chosen" : ""}`;
  return (
    <>
      <BaseEdge
        path={route.path}
        className={`edge edge--${state} edge--weight-${weight} ${look}`}
        markerEnd={`url(#arrow-${state})`}
        interactionWidth={16}
      />
      {data.moving && <path d={route.path} className={`flow flow--${state} flow--speed-${weight} ${look}`} />}
      {data.labelled && (
        <EdgeLabelRenderer>
          <button
            type="button"
            className={`edge-label edge-label--${state} nopan ${look}`}
            style={{ transform: `translate(-50%, -50%) translate(${route.label.x}px, ${route.label.y}px)` }}
            aria-pressed={data.chosen}
            onClick={() => data.onSelect(id)}
          >
            <span className="visually-hidden">
              {shortName(view.source)} to {shortName(view.destination)}
            </span>
            {state === "denied" ? <DeniedLabel edge={view} /> : <TrafficLabel edge={view} />}
          </button>
        </EdgeLabelRenderer>
      )}
    </>
  );
});

/** Steps instead of a scale, so that a line does not twitch and its animation does not start anew with each number. */
function lineWeight(perSecond: number): 1 | 2 | 3 | 4 {
  if (perSecond < 2) return 1;
  if (perSecond < 20) return 2;
  return perSecond < 200 ? 3 : 4;
}

function TrafficLabel({ edge }: { edge: EdgeView }): JSX.Element {
  const latency = edgeLatency(edge);
  return (
    <>
      <span className="edge-label__line">
        <span className={edge.mtls ? "edge-label__lock" : "edge-label__lock edge-label__lock--open"}>
          <Icon name={edge.mtls ? "lock" : "unlocked"} />
          <span className="visually-hidden">{edge.mtls ? "mutual TLS" : "mutual TLS not proved"}</span>
        </span>
        <b>{formatRate(edge.requestsPerSecond)}/s</b>
        {edge.successRate !== null && (
          <span className={figureTone(successHealth(edge.successRate))}>
            {formatShare(edge.successRate)}
            <span className="visually-hidden"> success</span>
          </span>
        )}
      </span>
      <span className="edge-label__line muted">
        {edge.denied > 0 ? <span className="tone-bad">{formatCount(edge.denied)} denied</span> : null}
        {edge.denied === 0 && latency !== undefined && (
          <span className={figureTone(latencyHealth(latency.p99Ms))}>
            <span className="visually-hidden">p50 / p99 </span>
            {formatMs(latency.p50Ms)} / {formatMs(latency.p99Ms)} ms
          </span>
        )}
      </span>
    </>
  );
}

function DeniedLabel({ edge }: { edge: EdgeView }): JSX.Element {
  return (
    <>
      <span className="edge-label__line">
        <Icon name="denied" />
        <b>{formatCount(edge.denied)} denied</b>
      </span>
      <span className="edge-label__line edge-label__policy">
        <span className="visually-hidden">by </span>
        {summarizePolicies(edge.denyPolicies)}
      </span>
    </>
  );
}

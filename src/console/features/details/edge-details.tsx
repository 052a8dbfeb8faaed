import type { JSX } from "react";
import type { EdgeView } from "../../api-client/shapes.ts";
import { Icon } from "../../design/icons.tsx";
import { formatCount, formatDuration } from "../../format/quantities.ts";
import type { Selection } from "../topology/map-elements.ts";
import { edgeLatency } from "../topology/signals.ts";
import { shortName } from "../topology/wording.ts";
import { BothReporters } from "./both-reporters.tsx";
import { Denials } from "./denials.tsx";
import { SignalTiles } from "./signal-tiles.tsx";

export interface EdgeDetailsProps {
  readonly edge: EdgeView;
  readonly windowMs: number;
  readonly onSelect: (selection: Selection) => void;
}

export function EdgeDetails({ edge, windowMs, onSelect }: EdgeDetailsProps): JSX.Element {
  const signals = {
    perSecond: edge.requestsPerSecond,
    successRate: edge.successRate ?? undefined,
    latency: edgeLatency(edge),
  };
  return (
    <div className="details">
      <header className="details__head">
        <h2 className="details__pair">
          <EndButton id={edge.source} onSelect={onSelect} /> → <EndButton id={edge.destination} onSelect={onSelect} />
        </h2>
      </header>
      <Encryption mtls={edge.mtls} />
      <SignalTiles signals={signals} />
      <BothReporters reporters={edge} />
      <p className="muted">
        {formatCount(edge.requests)} requests in the last {formatDuration(windowMs)}
      </p>
      {edge.denied > 0 && <Denials edges={[edge]} windowMs={windowMs} />}
    </div>
  );
}

function EndButton({ id, onSelect }: { id: string; onSelect: (selection: Selection) => void }): JSX.Element {
  return (
    <button type="button" className="quiet-button" onClick={() => onSelect({ kind: "node", id })}>
      {shortName(id)}
    </button>
  );
}

function Encryption({ mtls }: { mtls: boolean }): JSX.Element {
  return (
    <p className={`details__seal ${mtls ? "details__seal--good" : "details__seal--bad"}`}>
      <Icon name={mtls ? "lock" : "unlocked"} />
      {mtls ? "Mutual TLS, proved by the agents of both ends." : "Mutual TLS was not proved by both ends."}
    </p>
  );
}

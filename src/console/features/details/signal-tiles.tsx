import type { JSX } from "react";
import { formatDuration, formatRate, formatShare } from "../../format/quantities.ts";
import type { Signals } from "../topology/signals.ts";

/** Rate, success and latency: the golden signals, large enough to be read from a chair away. */
export function SignalTiles({ signals }: { signals: Signals }): JSX.Element {
  const { perSecond, successRate, latency } = signals;
  return (
    <dl className="tiles">
      <Tile name="requests" value={`${formatRate(perSecond)}/s`} />
      <Tile name="success" value={successRate === undefined ? "–" : formatShare(successRate)} />
      <Tile name="p50" value={latency === undefined ? "–" : formatDuration(latency.p50Ms)} />
      <Tile name="p99" value={latency === undefined ? "–" : formatDuration(latency.p99Ms)} />
    </dl>
  );
}

function Tile({ name, value }: { name: string; value: string }): JSX.Element {
  return (
    <div className="tiles__tile">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

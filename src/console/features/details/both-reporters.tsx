import type { JSX } from "react";
import type { Percentiles } from "../../api-client/shapes.ts";
import { formatDuration } from "../../format/quantities.ts";
import type { Reporters } from "../topology/signals.ts";

/** What the caller's agent saw, what the callee's agent saw, and what lies between: the network or whatever stands there. */
export function BothReporters({ reporters }: { reporters: Reporters }): JSX.Element {
  return (
    <table className="reporters">
      <caption>Latency, measured at both ends</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">p50</th>
          <th scope="col">p99</th>
        </tr>
      </thead>
      <tbody>
        <ReporterRow name="Caller’s agent" latency={reporters.fromSource} />
        <ReporterRow name="Callee’s agent" latency={reporters.fromDestination} />
        <ReporterRow name="In between, about" latency={between(reporters)} muted />
      </tbody>
    </table>
  );
}

function ReporterRow(props: { name: string; latency: Percentiles | null; muted?: boolean }): JSX.Element {
  const { name, latency, muted = false } = props;
  return (
    <tr className={muted ? "muted" : ""}>
      <th scope="row">{name}</th>
      <td>{latency === null ? "–" : formatDuration(latency.p50Ms)}</td>
      <td>{latency === null ? "–" : formatDuration(latency.p99Ms)}</td>
    </tr>
  );
}

function between({ fromSource, fromDestination }: Reporters): Percentiles | null {
  if (fromSource === null || fromDestination === null) return null;
  return {
    p50Ms: Math.max(0, fromSource.p50Ms - fromDestination.p50Ms),
    p99Ms: Math.max(0, fromSource.p99Ms - fromDestination.p99Ms),
  };
}

import { NativeSelect, Skeleton } from "@mantine/core";
import type { JSX } from "react";
import { useWhy, type WindowName } from "../../api-client/queries.ts";
import type { NodeView, WhyReport } from "../../api-client/shapes.ts";
import { formatAge } from "../../format/quantities.ts";
import { Culprits } from "./culprits.tsx";
import { Decomposition } from "./decomposition.tsx";
import { Verdict } from "./verdict.tsx";
import "./why.css";

export interface WhyPanelProps {
  readonly services: readonly NodeView[];
  readonly service: string | undefined;
  readonly window: WindowName;
  readonly live: boolean;
  readonly nowMs: number;
  readonly onChoose: (service: string) => void;
}

export function WhyPanel({ services, service, window, live, nowMs, onChoose }: WhyPanelProps): JSX.Element {
  const why = useWhy(service, window, live);
  return (
    <div className="why" data-testid="why">
      <NativeSelect
        label="Why is this service as it is?"
        size="sm"
        value={service ?? ""}
        onChange={(event) => onChoose(event.currentTarget.value)}
        data={services.filter((node) => node.role !== "external").map((node) => ({ value: node.id, label: node.name }))}
      />
      {why.data !== undefined && <Report report={why.data} nowMs={nowMs} />}
      {why.data === undefined && why.isPending && <Skeleton height={120} radius="md" aria-label="Asking why" />}
      {why.data === undefined && why.isError && <p className="muted">No report: {why.error.message}</p>}
    </div>
  );
}

function Report({ report, nowMs }: { report: WhyReport; nowMs: number }): JSX.Element {
  return (
    <>
      <Verdict report={report} />
      {report.culprits.length > 0 && <Culprits culprits={report.culprits} />}
      {report.hops.length > 0 && <Decomposition report={report} />}
      {report.changes.length > 0 && (
        <section aria-label="Recent changes">
          <h3>Changed just before</h3>
          <ul className="why__changes">
            {report.changes.map((change) => (
              <li key={`${change.atMs} ${change.what}`}>
                <span className="muted">{formatAge(nowMs - change.atMs)} ago</span> {change.what}
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

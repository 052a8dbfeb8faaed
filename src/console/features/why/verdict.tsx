import type { JSX } from "react";
import type { WhyReport } from "../../api-client/shapes.ts";
import { Icon } from "../../design/icons.tsx";
import { formatDuration, formatShare } from "../../format/quantities.ts";

const LOOKS = {
  culprit: { tone: "bad", icon: "warning", word: "Culprit found" },
  healthy: { tone: "good", icon: "check", word: "Healthy" },
  "insufficient-data": { tone: "idle", icon: "pause", word: "Not enough traffic to tell" },
} as const;

export function Verdict({ report }: { report: WhyReport }): JSX.Element {
  const look = LOOKS[report.status];
  const { latency, errorRate } = report;
  return (
    <section className={`verdict verdict--${look.tone}`} aria-label="Verdict" data-testid="verdict">
      <h2>
        <Icon name={look.icon} /> {look.word}
      </h2>
      <p>{report.summary}</p>
      {report.status !== "insufficient-data" && (
        <dl className="verdict__figures">
          <dt>Mean latency</dt>
          <dd>
            {formatDuration(latency.baselineMs)} → <b>{formatDuration(latency.currentMs)}</b>
          </dd>
          <dt>Errors</dt>
          <dd>
            {formatShare(errorRate.baseline)} → <b>{formatShare(errorRate.current)}</b>
          </dd>
        </dl>
      )}
    </section>
  );
}

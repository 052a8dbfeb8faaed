import type { JSX } from "react";
import type { HopChange, WhyReport } from "../../api-client/shapes.ts";
import { formatMs } from "../../format/quantities.ts";
import { isBlamed, largerMs, largestHops } from "./hops.ts";
import { causeName, growth, hopName } from "./wording.ts";

/** Where the milliseconds go, hop by hop: the baseline above, now below it, all to one scale. */
export function Decomposition({ report }: { report: WhyReport }): JSX.Element {
  const { shown, others } = largestHops(report.hops);
  const longestMs = Math.max(1, ...shown.map(largerMs));
  return (
    <section aria-label="Time by hop">
      <h3>
        Time by hop <span className="bars__key bars__key--before">baseline</span>{" "}
        <span className="bars__key bars__key--now">now</span>
      </h3>
      <ul className="bars">
        {shown.map((hop) => (
          <HopBars
            key={`${hop.hop} ${hop.cause}`}
            hop={hop}
            longestMs={longestMs}
            blamed={isBlamed(hop, report.culprits)}
          />
        ))}
      </ul>
      {others > 0 && <p className="muted">and {others} smaller</p>}
    </section>
  );
}

function HopBars({ hop, longestMs, blamed }: { hop: HopChange; longestMs: number; blamed: boolean }): JSX.Element {
  const grown = growth(hop.baselineMs, hop.currentMs);
  return (
    <li className={blamed ? "bars__hop bars__hop--blamed" : "bars__hop"}>
      <span className="bars__name">
        <b>{hopName(hop.hop)}</b> <span className="muted">{causeName(hop.cause)}</span>
      </span>
      <span className="bars__numbers">
        {formatMs(hop.baselineMs)} → {formatMs(hop.currentMs)} ms {grown !== undefined && blamed && <b>{grown}</b>}
      </span>
      <svg className="bars__bars" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        <rect className="bars__before" y="0" height="3" width={(hop.baselineMs / longestMs) * 100} />
        <rect className="bars__now" y="4" height="6" width={(hop.currentMs / longestMs) * 100} />
      </svg>
    </li>
  );
}

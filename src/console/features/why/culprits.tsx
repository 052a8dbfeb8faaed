import type { JSX } from "react";
import type { Culprit } from "../../api-client/shapes.ts";
import { formatShare } from "../../format/quantities.ts";
import { causeName, hopName } from "./wording.ts";

/** The first culprit is open, since it is the answer; the others open when asked. */
export function Culprits({ culprits }: { culprits: readonly Culprit[] }): JSX.Element {
  return (
    <section aria-label="Culprits">
      <h3>Culprits, by their share of it</h3>
      <ol className="culprits">
        {culprits.map((culprit, rank) => (
          <li key={`${culprit.hop} ${culprit.cause}`}>
            <details className={rank === 0 ? "culprit culprit--first" : "culprit"} open={rank === 0}>
              <summary className="culprit__head">
                <b className="culprit__hop">{hopName(culprit.hop)}</b>
                <span className="muted">{causeName(culprit.cause)}</span>
                <span className="culprit__share">{wholePercent(culprit.share)}</span>
                <ShareBar share={culprit.share} />
              </summary>
              <Evidence culprit={culprit} />
            </details>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Evidence({ culprit }: { culprit: Culprit }): JSX.Element {
  return (
    <div className="culprit__body">
      <p>{culprit.summary}</p>
      <ul className="culprit__evidence">
        {culprit.evidence.map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
      <p className="culprit__next">
        <b>Next</b> {culprit.next}
      </p>
      <p className="muted">confidence {wholePercent(culprit.confidence)}</p>
    </div>
  );
}

function wholePercent(share: number): string {
  return formatShare(Math.round(share * 100) / 100);
}

function ShareBar({ share }: { share: number }): JSX.Element {
  return (
    <svg className="share-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect className="share-bar__track" width="100" height="4" />
      <rect className="share-bar__value" width={100 * Math.min(1, Math.max(0, share))} height="4" />
    </svg>
  );
}

import type { JSX } from "react";
import type { Culprit } from "../../api-client/shapes.ts";
import { formatShare } from "../../format/quantities.ts";
import { causeName, hopName } from "./wording.ts";

export function Culprits({ culprits }: { culprits: readonly Culprit[] }): JSX.Element {
  return (
    <section aria-label="Culprits">
      <h3>Culprits, by their share of it</h3>
      <ol className="culprits">
        {culprits.map((culprit, rank) => (
          <li key={`${culprit.hop} ${culprit.cause}`} className={rank === 0 ? "culprit culprit--first" : "culprit"}>
            <div className="culprit__head">
              <b>{hopName(culprit.hop)}</b>
              <span className="muted">{causeName(culprit.cause)}</span>
              <span className="culprit__share">{formatShare(Math.round(culprit.share * 100) / 100)}</span>
            </div>
            <ShareBar share={culprit.share} />
            <p>{culprit.summary}</p>
            <ul className="culprit__evidence">
              {culprit.evidence.map((each) => (
                <li key={each}>{each}</li>
              ))}
            </ul>
            <p className="culprit__next">
              <b>Next</b> {culprit.next}
            </p>
            <p className="muted">confidence {formatShare(Math.round(culprit.confidence * 100) / 100)}</p>
          </li>
        ))}
      </ol>
    </section>
  );
}

function ShareBar({ share }: { share: number }): JSX.Element {
  return (
    <svg className="share-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect className="share-bar__track" width="100" height="4" />
      <rect className="share-bar__value" width={100 * Math.min(1, Math.max(0, share))} height="4" />
    </svg>
  );
}

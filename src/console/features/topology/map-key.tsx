import type { JSX } from "react";
import { Icon } from "../../design/icons.tsx";

/** What the signs on the map mean. */
export function MapKey(): JSX.Element {
  return (
    <ul className="map-key" aria-label="Key">
      <li>
        <Icon name="lock" /> both ends proved mTLS
      </li>
      <li>
        <svg className="map-key__line" viewBox="0 0 24 8" aria-hidden="true">
          <path d="M1 4h22" />
        </svg>
        denied by policy
      </li>
      <li>
        <svg className="ring ring--good" viewBox="0 0 18 18" aria-hidden="true">
          <circle className="ring__track" cx="9" cy="9" r="6.5" />
          <path className="ring__life" d="M9 2.5a6.5 6.5 0 1 1-6.5 6.5" />
          <circle className="ring__dot ring__dot--ready" cx="9" cy="9" r="3.2" />
        </svg>
        replica, certificate life left
      </li>
      <li>
        <b>8 / 38 ms</b> p50 / p99
      </li>
    </ul>
  );
}

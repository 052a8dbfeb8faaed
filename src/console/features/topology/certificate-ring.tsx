import type { JSX } from "react";
import type { ReplicaView } from "../../api-client/shapes.ts";
import { remainingShare } from "./certificate-life.ts";

const RADIUS = 6.5;
const LENGTH = 2 * Math.PI * RADIUS;

export interface LifeClock {
  /** The server's time now, in milliseconds. */
  readonly nowMs: number;
  /** The whole life of a certificate, in milliseconds. */
  readonly lifeMs: number;
}

/** One replica: its dot says whether it is ready; the ring around it drains with its certificate and refills at rotation. */
export function CertificateRing({ replica, clock }: { replica: ReplicaView; clock: LifeClock }): JSX.Element {
  const share = remainingShare(replica.svidNotAfterMs, clock.nowMs, clock.lifeMs);
  const tone = share < 0.15 ? "bad" : share < 0.3 ? "warn" : "good";
  return (
    <svg className={`ring ring--${tone}`} viewBox="0 0 18 18" aria-hidden="true">
      <circle className="ring__track" cx="9" cy="9" r={RADIUS} />
      <circle
        className="ring__life"
        cx="9"
        cy="9"
        r={RADIUS}
        strokeDasharray={LENGTH}
        strokeDashoffset={LENGTH * (1 - share)}
      />
      <circle className={replica.ready ? "ring__dot ring__dot--ready" : "ring__dot"} cx="9" cy="9" r="3.2" />
    </svg>
  );
}

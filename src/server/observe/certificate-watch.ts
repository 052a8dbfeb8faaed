/** The certificates that agents serve, and the keys above them: how long each still lives, as metrics, and an alarm before one ends. Pure. */

/** A certificate that something in the mesh depends on. */
export interface WatchedCertificate {
  /** `workload`, `issuing` or `root`. */
  readonly kind: "workload" | "issuing" | "root";
  /** `namespace/instance`, or the id of a key. */
  readonly name: string;
  readonly notAfterMs: number;
  /** It should have been replaced when less than this is left, milliseconds. */
  readonly alarmMs: number;
}

const METRIC = "heddle_certificate_expiry_timestamp_seconds";
const ALARM_METRIC = "heddle_certificates_expiring";

/** Workloads renew at half of their life: when this share is left, renewing must have failed several times. */
export const WORKLOAD_ALARM_SHARE = 0.25;
/** Keys of the authority are replaced at half of theirs, issuing ones within the year. */
const AUTHORITY_ALARM_MS = 60 * 86_400_000;

export function watchedWorkload(name: string, notAfterMs: number, svidTtlMs: number): WatchedCertificate {
  return { kind: "workload", name, notAfterMs, alarmMs: svidTtlMs * WORKLOAD_ALARM_SHARE };
}

export function watchedKey(kind: "issuing" | "root", name: string, notAfterMs: number): WatchedCertificate {
  return { kind, name, notAfterMs, alarmMs: AUTHORITY_ALARM_MS };
}

/** Those that end soon and were not replaced. */
export function expiring(watched: readonly WatchedCertificate[], nowMs: number): readonly WatchedCertificate[] {
  return watched.filter(({ notAfterMs, alarmMs }) => notAfterMs - nowMs < alarmMs);
}

/** In Prometheus' text format: the end of each, and how many are near it. */
export function certificateExposition(watched: readonly WatchedCertificate[], nowMs: number): string {
  const ends = watched.map(
    ({ kind, name, notAfterMs }) => `${METRIC}{kind="${kind}",name="${name}"} ${Math.floor(notAfterMs / 1000)}`,
  );
  return [
    `# HELP ${METRIC} When a certificate that is in use ends.`,
    `# TYPE ${METRIC} gauge`,
    ...ends,
    `# HELP ${ALARM_METRIC} Certificates in use that end soon and were not replaced.`,
    `# TYPE ${ALARM_METRIC} gauge`,
    `${ALARM_METRIC} ${expiring(watched, nowMs).length}`,
    "",
  ].join("\n");
}

export interface Alarm {
  readonly level: "warn" | "info";
  readonly message: string;
  readonly certificate: string;
}

/** Says once of each certificate that it ends soon, and once that it was replaced after all. */
export class CertificateAlarms {
  readonly #told = new Set<string>();

  look(watched: readonly WatchedCertificate[], nowMs: number): readonly Alarm[] {
    const near = new Map<string, WatchedCertificate>(
      expiring(watched, nowMs).map((each) => [`${each.kind} ${each.name}`, each]),
    );
    const alarms: Alarm[] = [];
    for (const [certificate, { notAfterMs }] of near) {
      if (this.#told.has(certificate)) continue;
      this.#told.add(certificate);
      const leftS = Math.round((notAfterMs - nowMs) / 1000);
      const when = leftS > 0 ? `ends in ${leftS} s` : `ended ${-leftS} s ago`;
      alarms.push({ level: "warn", message: `a certificate ${when} and was not replaced`, certificate });
    }
    for (const certificate of [...this.#told].filter((each) => !near.has(each))) {
      this.#told.delete(certificate);
      alarms.push({
        level: "info",
        message: "a certificate was replaced after all, or is not in use any more",
        certificate,
      });
    }
    return alarms;
  }
}

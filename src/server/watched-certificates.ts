import { firstCertificate, parseCertificate } from "#identity";
import type { AgentPlane } from "./agent-plane.ts";
import { type WatchedCertificate, watchedKey, watchedWorkload } from "./observe/certificate-watch.ts";

/** Those of the replicas that are heard from, by what they serve, and those of the authority's keys that are in use. */
export function watchedCertificates(plane: AgentPlane): readonly WatchedCertificate[] {
  const { authority } = plane.identity;
  const { svidTtlMs } = plane.snapshot.settings;
  const workloads = plane.registry.entries
    .filter(({ state, workload }) => state === "live" && workload.servedSvidNotAfterMs > 0)
    .map(({ workload }) => watchedWorkload(workload.key, workload.servedSvidNotAfterMs, svidTtlMs));
  const issuing = authority.slots.flatMap(({ id, status, certificate }) =>
    status === "active" ? [watchedKey("issuing", id, endOf(certificate))] : [],
  );
  const newest = authority.roots.slice(-1);
  return [...workloads, ...issuing, ...newest.map(({ id, certificate }) => watchedKey("root", id, endOf(certificate)))];
}

function endOf(pem: string): number {
  const facts = parseCertificate(firstCertificate(pem));
  return facts.ok ? facts.value.notAfterMs : 0;
}

import { type EdgeKey, type Party, partyName } from "./batch.ts";
import { BUCKET_COUNT, ISTIO_BOUNDARIES, ISTIO_BUCKETS } from "./buckets.ts";
import { END_REASONS, type EndReason } from "./end-reasons.ts";

/** Running totals of one series, for Prometheus. All histograms are by Istio's boundaries, not cumulative, the last for above all. */
export interface SeriesTotals {
  readonly edge: EdgeKey;
  readonly status: number;
  /** How gRPC calls ended; -1 for what is no gRPC. */
  readonly grpcStatus: number;
  readonly endReason: EndReason;
  count: number;
  durationSumMs: number;
  requestBytesSum: number;
  responseBytesSum: number;
  readonly durations: Float64Array;
  readonly requestSizes: Float64Array;
  readonly responseSizes: Float64Array;
}

/** Length of a coarse histogram. */
export const ISTIO_BUCKET_COUNT: number = ISTIO_BOUNDARIES.length + 1;

/** Fine bucket of the common layout → coarse bucket of Istio's. */
export const ISTIO_BUCKET_OF: Uint8Array = Uint8Array.from({ length: BUCKET_COUNT }, (_, fine) => {
  const coarse = ISTIO_BUCKETS.findIndex((upper) => fine <= upper);
  return coarse < 0 ? ISTIO_BOUNDARIES.length : coarse;
});

/**
 * The series as Prometheus text 0.0.4 under Istio's standard names and labels.
 * Series that differ only in what Istio has no label for (replica, denying policy) are added up.
 */
export function expositionOf(series: Iterable<SeriesTotals>): string {
  const requests = new Map<string, SeriesTotals>();
  const connections = new Map<string, SeriesTotals>();
  for (const each of series) {
    const byLabels = each.edge.protocol === "tcp" ? connections : requests;
    const labels = labelsOf(each);
    const known = byLabels.get(labels);
    byLabels.set(labels, known === undefined ? each : sumOf(known, each));
  }
  const parts: string[] = [];
  writeCounter(parts, requests, { name: "istio_requests_total", valueOf: ({ count }) => count });
  writeHistogram(parts, requests, HISTOGRAMS.duration);
  writeHistogram(parts, requests, HISTOGRAMS.request);
  writeHistogram(parts, requests, HISTOGRAMS.response);
  for (const counter of TCP_COUNTERS) writeCounter(parts, connections, counter);
  return parts.join("");
}

interface Counter {
  readonly name: string;
  readonly valueOf: (series: SeriesTotals) => number;
}

/** A connection is counted once, when it has ended: as opened and closed at once, with all of its bytes. */
const TCP_COUNTERS: readonly Counter[] = [
  { name: "istio_tcp_connections_opened_total", valueOf: ({ count }) => count },
  { name: "istio_tcp_connections_closed_total", valueOf: ({ count }) => count },
  { name: "istio_tcp_sent_bytes_total", valueOf: ({ responseBytesSum }) => responseBytesSum },
  { name: "istio_tcp_received_bytes_total", valueOf: ({ requestBytesSum }) => requestBytesSum },
];

function writeCounter(parts: string[], byLabels: ReadonlyMap<string, SeriesTotals>, counter: Counter): void {
  parts.push(`# TYPE ${counter.name} counter\n`);
  for (const [labels, each] of byLabels) parts.push(`${counter.name}{${labels}} ${counter.valueOf(each)}\n`);
}

interface Histogram {
  readonly name: string;
  readonly counts: (series: SeriesTotals) => Float64Array;
  readonly sum: (series: SeriesTotals) => number;
}

const HISTOGRAMS = {
  duration: {
    name: "istio_request_duration_milliseconds",
    counts: (series) => series.durations,
    sum: (series) => series.durationSumMs,
  },
  request: {
    name: "istio_request_bytes",
    counts: (series) => series.requestSizes,
    sum: (series) => series.requestBytesSum,
  },
  response: {
    name: "istio_response_bytes",
    counts: (series) => series.responseSizes,
    sum: (series) => series.responseBytesSum,
  },
} as const satisfies Record<string, Histogram>;

function writeHistogram(parts: string[], byLabels: ReadonlyMap<string, SeriesTotals>, histogram: Histogram): void {
  parts.push(`# TYPE ${histogram.name} histogram\n`);
  for (const [labels, series] of byLabels) {
    const counts = histogram.counts(series);
    let below = 0;
    for (let index = 0; index < ISTIO_BUCKET_COUNT; index++) {
      below += counts[index] as number;
      const le = ISTIO_BOUNDARIES[index] ?? "+Inf";
      parts.push(`${histogram.name}_bucket{${labels},le="${le}"} ${below}\n`);
    }
    parts.push(`${histogram.name}_sum{${labels}} ${histogram.sum(series)}\n`);
    parts.push(`${histogram.name}_count{${labels}} ${below}\n`);
  }
}

function sumOf(first: SeriesTotals, second: SeriesTotals): SeriesTotals {
  return {
    ...first,
    count: first.count + second.count,
    durationSumMs: first.durationSumMs + second.durationSumMs,
    requestBytesSum: first.requestBytesSum + second.requestBytesSum,
    responseBytesSum: first.responseBytesSum + second.responseBytesSum,
    durations: first.durations.map((count, index) => count + (second.durations[index] as number)),
    requestSizes: first.requestSizes.map((count, index) => count + (second.requestSizes[index] as number)),
    responseSizes: first.responseSizes.map((count, index) => count + (second.responseSizes[index] as number)),
  };
}

function labelsOf({ edge, status, grpcStatus, endReason }: SeriesTotals): string {
  const service = edge.destination.service;
  const labels: readonly (readonly [string, string])[] = [
    ["reporter", edge.reporter],
    ...partyLabels("source", edge.source),
    ...partyLabels("destination", edge.destination),
    ["destination_service", service === "" ? "" : `${service}.${edge.destination.namespace}.svc.cluster.local`],
    ["destination_service_name", service],
    ["destination_service_namespace", service === "" ? "" : edge.destination.namespace],
    ["request_protocol", grpcStatus < 0 ? edge.protocol : "grpc"],
    ...(edge.protocol === "tcp" ? [] : [["response_code", String(status)] as const]),
    ...(grpcStatus < 0 ? [] : [["grpc_response_status", String(grpcStatus)] as const]),
    ["response_flags", END_REASONS[endReason].flag],
    ["connection_security_policy", securityPolicyOf(edge)],
  ];
  return labels.map(([name, value]) => `${name}="${value === "" ? "unknown" : escapeLabel(value)}"`).join(",");
}

/** Istio lets only the destination vouch for mutual TLS; plaintext is told by both. */
function securityPolicyOf(edge: EdgeKey): string {
  if (!edge.mtls) return "none";
  return edge.reporter === "destination" ? "mutual_tls" : "unknown";
}

function partyLabels(side: "source" | "destination", party: Party): readonly (readonly [string, string])[] {
  return [
    [`${side}_workload`, party.workload],
    [`${side}_workload_namespace`, party.namespace],
    [`${side}_principal`, party.principal],
    [`${side}_app`, partyName(party)],
    [`${side}_version`, party.version],
    [`${side}_cluster`, ""],
    [`${side}_canonical_service`, partyName(party)],
    [`${side}_canonical_revision`, party.version === "" ? "latest" : party.version],
  ];
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

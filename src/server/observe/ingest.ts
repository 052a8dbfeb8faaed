import type { Clock } from "#engine/time";
import { namespaceOf, type SpiffeId, serviceAccountOf } from "#identity";
import { failure, problem, type Result, success } from "#model";
import type { ReportRequest } from "#proto";
import type { EdgeKey, Party, TelemetryBatch } from "#telemetry";
import { decodeBatch } from "#telemetry/batch";
import type { TelemetryStore } from "#telemetry/store";
import { PeerLimiter, type PeerLimits } from "../enrolment/peer-limiter.ts";

export interface TelemetryIngestOptions {
  readonly store: Pick<TelemetryStore, "ingest">;
  readonly clock: Clock;
  readonly limits?: PeerLimits;
  /** Service of a workload as the registry knows it: agents see a caller's certificate, which names no service. */
  readonly serviceOf?: (namespace: string, serviceAccount: string) => string | undefined;
}

/** One report a second, and after an outage two minutes of them at once. */
const LIMITS: PeerLimits = { burst: 200, perSecond: 5, peerCountMax: 20_000 };
const NAME_CHARS_MAX = 253;

/** Takes agents' reports. An agent can only ever report as the workload that its certificate names. */
export class TelemetryIngest {
  readonly #options: TelemetryIngestOptions;
  readonly #limiter: PeerLimiter;

  constructor(options: TelemetryIngestOptions) {
    this.#options = options;
    this.#limiter = new PeerLimiter(options.limits ?? LIMITS, options.clock);
  }

  /**
   * Stores a report once, however often it comes. `peer` is the identity that the connection proved.
   * Fails with HDL_TELEMETRY_REPORTER, HDL_TELEMETRY_BATCH, HDL_TELEMETRY_RATE or HDL_TELEMETRY_STORE; the last two are worth another try.
   */
  report(request: ReportRequest, peer: SpiffeId): Result<void> {
    const { instance, session, sequence, batch } = request;
    if (!this.#limiter.admit(`${peer.uri} ${instance}`))
      return failure(problem("HDL_TELEMETRY_RATE", `${peer.uri} reports more often than it may.`));
    if (!isName(instance) || !isName(session) || batch === undefined)
      return failure(problem("HDL_TELEMETRY_BATCH", `A report of ${peer.uri} lacks its instance, session or batch.`));
    const decoded = decodeBatch(batch);
    if (!decoded.ok) return decoded;
    const owned = asReportedBy(decoded.value, peer, instance);
    if (!owned.ok) return owned;
    const stored = this.#options.store.ingest({
      reporter: instance,
      session: `${peer.uri} ${session}`,
      sequence: Number(sequence),
      batch: this.#withServices(owned.value),
      nowMs: this.#options.clock.nowMs(),
    });
    return stored.ok ? success(undefined) : stored;
  }

  #withServices(batch: TelemetryBatch): TelemetryBatch {
    const { serviceOf } = this.#options;
    if (serviceOf === undefined) return batch;
    const named = (party: Party): Party =>
      party.service !== "" ? party : { ...party, service: serviceOf(party.namespace, party.workload) ?? "" };
    const edges = batch.edges.map((edge) => ({
      ...edge,
      source: named(edge.source),
      destination: named(edge.destination),
    }));
    return { ...batch, edges };
  }
}

function isName(text: string): boolean {
  return text.length > 0 && text.length <= NAME_CHARS_MAX;
}

/** The batch with its reporting side filled in from the certificate; refused when it names somebody else there. */
function asReportedBy(batch: TelemetryBatch, peer: SpiffeId, instance: string): Result<TelemetryBatch> {
  const own = {
    namespace: namespaceOf(peer) ?? "",
    workload: serviceAccountOf(peer) ?? "",
    principal: peer.uri,
    instance,
  };
  const liar = batch.edges.find((edge) => !isOwn(edge[edge.reporter], own));
  if (liar !== undefined) {
    const { namespace, workload, instance: claimed } = liar[liar.reporter];
    const message = `${peer.uri} (${instance}) reported as ${namespace}/${workload} (${claimed}).`;
    return failure(problem("HDL_TELEMETRY_REPORTER", message));
  }
  const edges = batch.edges.map((edge): EdgeKey => ({ ...edge, [edge.reporter]: { ...edge[edge.reporter], ...own } }));
  return success({ ...batch, edges });
}

function isOwn(party: Party, own: Pick<Party, "namespace" | "workload" | "principal" | "instance">): boolean {
  return (["namespace", "workload", "principal", "instance"] as const).every(
    (field) => party[field] === "" || party[field] === own[field],
  );
}

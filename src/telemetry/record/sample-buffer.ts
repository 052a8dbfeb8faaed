import { isFailure, type RequestSample, type SampleClass } from "#telemetry";
import { copyRecord, RequestRecord } from "./request-record.ts";

/** How many samples of each kind one batch may carry. */
export interface SampleLimits {
  /** Failed, denied and slow requests. */
  readonly notable: number;
  /** Ordinary requests of sampled traces. */
  readonly sampled: number;
  /** Ordinary requests outside sampled traces. */
  readonly flows: number;
  /** From this duration on a request is slow. */
  readonly slowUs: number;
}

const PATH_CHARS_MAX = 256;

/** Copies of requests between two batches: room for each kind is set aside, so that ordinary ones never crowd out the telling ones. */
export class SampleBuffer {
  readonly #limits: SampleLimits;
  readonly #notable: Shelf;
  readonly #sampled: Shelf;
  readonly #flows: Shelf;
  /** Traces whose identifier does not end in this many zero bits are left out. */
  #thinningBits = 0;
  #sampledSeen = 0;

  constructor(limits: SampleLimits) {
    this.#limits = limits;
    this.#notable = new Shelf(limits.notable);
    this.#sampled = new Shelf(limits.sampled);
    this.#flows = new Shelf(limits.flows);
  }

  /** Keeps a copy where there is room. Allocates nothing once the shelves have been full once. */
  offer(edge: number, record: RequestRecord): void {
    const kept = this.#classOf(record);
    switch (kept) {
      case "failed":
      case "denied":
      case "slow":
        this.#notable.put(edge, kept, record);
        return;
      case "sampled":
        this.#sampledSeen++;
        if (this.#isThinnedOut(record.traceId)) return;
        this.#sampled.put(edge, kept, record);
        return;
      case "flow":
        this.#flows.putIfRoom(edge, kept, record);
    }
  }

  /** Hands over the copies, and adapts the thinning to the load seen. */
  take(edgeIndex: (slot: number) => number): { readonly samples: RequestSample[]; readonly dropped: number } {
    const shelves = [this.#notable, this.#sampled, this.#flows];
    const samples = shelves.flatMap((shelf) => shelf.take(edgeIndex));
    const dropped = shelves.reduce((sum, shelf) => sum + shelf.takeDropped(), 0);
    const excess = this.#sampledSeen / Math.max(1, this.#limits.sampled);
    this.#thinningBits = excess <= 1 ? 0 : Math.min(16, Math.ceil(Math.log2(excess)));
    this.#sampledSeen = 0;
    return { samples, dropped };
  }

  #classOf(record: RequestRecord): SampleClass {
    if (record.verdict === "deny" || record.endReason === "policy-denied") return "denied";
    if (isFailure(record.status, record.endReason)) return "failed";
    if (record.doneUs - record.receivedUs >= this.#limits.slowUs) return "slow";
    return record.sampled ? "sampled" : "flow";
  }

  /** By the trace's own random bits, so that agents under unlike load still keep the same traces whole. */
  #isThinnedOut(traceId: string): boolean {
    if (this.#thinningBits === 0) return false;
    const bits = Number.parseInt(traceId.slice(-4), 16);
    return (bits & ((1 << this.#thinningBits) - 1)) !== 0;
  }
}

/** A fixed number of reusable copies. */
class Shelf {
  readonly #max: number;
  readonly #records: RequestRecord[] = [];
  readonly #kept: SampleClass[] = [];
  #used = 0;
  #dropped = 0;

  constructor(max: number) {
    this.#max = max;
  }

  put(edge: number, kept: SampleClass, record: RequestRecord): void {
    if (this.#used === this.#max) this.#dropped++;
    else this.putIfRoom(edge, kept, record);
  }

  putIfRoom(edge: number, kept: SampleClass, record: RequestRecord): void {
    if (this.#used === this.#max) return;
    let copy = this.#records[this.#used];
    if (copy === undefined) {
      copy = new RequestRecord();
      this.#records.push(copy);
    }
    copyRecord(record, copy);
    copy.edge = edge;
    this.#kept[this.#used++] = kept;
  }

  take(edgeIndex: (slot: number) => number): RequestSample[] {
    const samples: RequestSample[] = [];
    for (let index = 0; index < this.#used; index++) {
      const record = this.#records[index] as RequestRecord;
      samples.push(sampleOf(record, this.#kept[index] ?? "flow", edgeIndex(record.edge)));
      record.reset();
    }
    this.#used = 0;
    return samples;
  }

  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}

function sampleOf(record: RequestRecord, kept: SampleClass, edge: number): RequestSample {
  return {
    edge,
    kept,
    traceId: record.traceId,
    spanId: record.spanId,
    parentSpanId: record.parentSpanId,
    receivedUs: record.receivedUs,
    chosenUs: record.chosenUs,
    sentUs: record.sentUs,
    firstByteUs: record.firstByteUs,
    doneUs: record.doneUs,
    status: record.status,
    endReason: record.endReason,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    method: record.method,
    path: withoutQuery(record.path),
    authority: record.authority.slice(0, PATH_CHARS_MAX),
    verdict: record.verdict,
    policy: record.policy,
    rule: record.rule,
    observedVerdict: record.observedVerdict,
    observedPolicy: record.observedPolicy,
    audits: record.audits,
  };
}

/** Queries often carry secrets and personal data; they are not kept. */
function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return path.slice(0, Math.min(query < 0 ? path.length : query, PATH_CHARS_MAX));
}

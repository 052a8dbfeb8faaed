import type { Clock } from "#engine/time";
import {
  type AgentEvent,
  type AgentEventKind,
  type EdgeKey,
  expositionOf,
  type Refusal,
  type RefusalReason,
  type TelemetryBatch,
} from "#telemetry";
import { DecisionTable } from "./decision-table.ts";
import { EdgeTable } from "./edge-table.ts";
import type { RequestRecord } from "./request-record.ts";
import { SampleBuffer, type SampleLimits } from "./sample-buffer.ts";
import { SeriesTable } from "./series-table.ts";

/** Bounds of one agent's telemetry. */
export interface RecorderLimits extends SampleLimits {
  /** Edges with a name of their own; those beyond share one slot. Default 1024. */
  readonly edges: number;
  /** Outcomes over all edges. Default 2048, about 1.2 KB each. */
  readonly series: number;
  /** Recorded decisions over all edges. Default 4096, about 150 bytes each and their texts. */
  readonly decisions: number;
  /** Refusals and events kept between two batches, each. Default 256. */
  readonly notes: number;
  /** Silence after which a series and its edge are forgotten. Default 15 minutes. */
  readonly expiryMs: number;
}

export const RECORDER_LIMITS: RecorderLimits = {
  edges: 1024,
  series: 2048,
  notable: 1024,
  sampled: 512,
  flows: 128,
  slowUs: 1_000_000,
  decisions: 4096,
  notes: 256,
  expiryMs: 900_000,
};

export interface RecorderOptions {
  /** The replica that records. */
  readonly instance: string;
  readonly clock: Pick<Clock, "nowMs">;
  readonly limits?: Partial<RecorderLimits>;
}

export interface RefusedConnection {
  readonly reason: RefusalReason;
  readonly peerAddress: string;
  /** What the peer showed: a SPIFFE ID, a subject, or empty. */
  readonly presented: string;
  readonly localPort: number;
}

const EXPIRY_CHECK_MS = 60_000;
/** Mean lateness from which a second is worth a note: more than a busy machine makes. */
const LATE_MS = 20;

/** Counts and samples what passes through one agent. `finish` allocates nothing in the steady state and never fails. */
export class Recorder {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #limits: RecorderLimits;
  readonly #edges: EdgeTable;
  readonly #series: SeriesTable;
  readonly #samples: SampleBuffer;
  readonly #decisions: DecisionTable;
  #refusals: Refusal[] = [];
  #events: AgentEvent[] = [];
  #looks = 0;
  #lateMs = 0;
  #batchFromMs: number;
  #expiredAtMs: number;

  constructor(options: RecorderOptions) {
    this.#clock = options.clock;
    this.#limits = { ...RECORDER_LIMITS, ...options.limits };
    this.#edges = new EdgeTable(this.#limits.edges, options.instance);
    this.#series = new SeriesTable(this.#limits.series, this.#limits.edges);
    this.#samples = new SampleBuffer(this.#limits);
    this.#decisions = new DecisionTable(this.#limits.decisions, this.#limits.edges);
    this.#batchFromMs = options.clock.nowMs();
    this.#expiredAtMs = this.#batchFromMs;
  }

  /**
   * The slot to put into `RequestRecord.edge`. Opening one key twice gives one slot, held twice; never per request.
   * Gives the overflow slot 0 when the table is full.
   */
  openEdge(key: EdgeKey): number {
    return this.#edges.open(key);
  }

  /** Gives up one hold of `openEdge` (a connection closed, a configuration gone). The slot is forgotten some time after the last. */
  closeEdge(slot: number): void {
    this.#edges.close(slot);
  }

  /** Counts a request that ended; copies what it keeps, so the caller may reuse the record. */
  finish(record: RequestRecord): void {
    const edge = this.#edges.live(record.edge);
    this.#series.add(edge, record);
    this.#samples.offer(edge, record);
    if (record.verdict !== "none") this.#decisions.add(record, edge !== 0);
  }

  /** A connection was turned away before any request. Like ones within a batch are counted together. */
  refuse(refusal: RefusedConnection): void {
    const index = this.#refusals.findIndex((each) => isAlike(each, refusal));
    const known = this.#refusals[index];
    if (known !== undefined) this.#refusals[index] = { ...known, count: known.count + 1 };
    else if (this.#refusals.length < this.#limits.notes)
      this.#refusals.push({ ...refusal, atMs: this.#clock.nowMs(), count: 1 });
  }

  /** Something happened to the agent itself. Beyond the bound the oldest of the batch is dropped. */
  event(event: { readonly kind: AgentEventKind; readonly detail: string }): void {
    if (this.#events.length >= this.#limits.notes) this.#events.shift();
    this.#events.push({ ...event, atMs: this.#clock.nowMs() });
  }

  /** How late a timer of the agent came, ms; to be called some ten times a second. */
  late(ms: number): void {
    this.#looks++;
    this.#lateMs += ms;
  }

  /** What happened since the call before, to be called about each second; undefined when nothing did. */
  takeBatch(nowMs: number): TelemetryBatch | undefined {
    const keys: EdgeKey[] = [];
    const indexBySlot = new Map<number, number>();
    const edgeIndex = (slot: number): number => {
      const known = indexBySlot.get(slot);
      if (known !== undefined) return known;
      indexBySlot.set(slot, keys.length);
      return keys.push(this.#edges.key(slot)) - 1;
    };
    this.#noteLateness();
    const series = this.#series.take(nowMs, this.#edges, edgeIndex);
    const { samples, dropped } = this.#samples.take(edgeIndex);
    const decisions = this.#decisions.take(nowMs, edgeIndex);
    const unrecordedDecisions = this.#decisions.takeUnrecorded();
    const fromMs = this.#batchFromMs;
    const [refusals, events] = [this.#refusals, this.#events];
    this.#batchFromMs = nowMs;
    this.#refusals = [];
    this.#events = [];
    this.#expire(nowMs);
    if (series.length + samples.length + refusals.length + events.length === 0) return undefined;
    const counted = { series, samples, decisions, unrecordedDecisions, droppedSamples: dropped };
    return { fromMs, toMs: nowMs, edges: keys, ...counted, refusals, events };
  }

  #noteLateness(): void {
    const meanMs = this.#lateMs / Math.max(1, this.#looks);
    if (meanMs >= LATE_MS) this.event({ kind: "agent-late", detail: `${Math.round(meanMs)} ms on average` });
    this.#looks = 0;
    this.#lateMs = 0;
  }

  /** Totals since the start as Prometheus text with Istio's names and labels. */
  prometheus(): string {
    const overflowed = `# TYPE heddle_telemetry_edge_overflow_total counter\nheddle_telemetry_edge_overflow_total ${this.#edges.overflowed}\n`;
    const unrecorded = `# TYPE heddle_decisions_unrecorded_total counter\nheddle_decisions_unrecorded_total ${this.#decisions.unrecorded}\n`;
    return expositionOf(this.#series.totals(this.#edges)) + overflowed + unrecorded;
  }

  #expire(nowMs: number): void {
    if (nowMs - this.#expiredAtMs < EXPIRY_CHECK_MS) return;
    this.#expiredAtMs = nowMs;
    const beforeMs = nowMs - this.#limits.expiryMs;
    const [hasSeries, hasDecisions] = [this.#series.expire(beforeMs), this.#decisions.expire(beforeMs)];
    this.#edges.expire((edge) => hasSeries(edge) || hasDecisions(edge));
  }
}

function isAlike(known: Refusal, refusal: RefusedConnection): boolean {
  return (
    known.reason === refusal.reason &&
    known.peerAddress === refusal.peerAddress &&
    known.presented === refusal.presented &&
    known.localPort === refusal.localPort
  );
}

import type { SqliteDatabase } from "#engine/sqlite";
import { failure, problem, type Result, success } from "#model";
import type {
  AgentEvent,
  EdgeTotals,
  ObservedRequest,
  Refusal,
  RequestSample,
  SeriesTotals,
  TelemetryBatch,
} from "#telemetry";
import { DecisionRows, type RecordedDecision } from "./decision-rows.ts";
import { EdgeRows } from "./edge-rows.ts";
import { RunningTotals } from "./running-totals.ts";
import { ADDED_COLUMNS, SCHEMA, SPAN_OF_SAMPLE } from "./schema.ts";
import { type SeenEdge, SeriesRows } from "./series-rows.ts";

export interface TelemetryStoreLimits {
  /** Requests and their spans. Default 1 hour. */
  readonly samplesMs: number;
  /** Counters and histograms. Default 7 days; by the second for 10 minutes, by 10 seconds for 2 hours, then by the minute. */
  readonly seriesMs: number;
  /** Decisions. Default 8 days, so that a question about seven is answered whole; by the minute for 2 hours, then by the hour. */
  readonly decisionsMs: number;
  /** Size of the database beyond which the oldest samples go, and then the oldest decisions. Default 512 MiB. */
  readonly bytesMax: number;
}

export const TELEMETRY_STORE_LIMITS: TelemetryStoreLimits = {
  samplesMs: 3_600_000,
  seriesMs: 7 * 86_400_000,
  decisionsMs: 8 * 86_400_000,
  bytesMax: 512 * 1024 * 1024,
};

export interface Ingest {
  /** The replica that reports. */
  readonly reporter: string;
  /** Random per agent process. */
  readonly session: string;
  readonly sequence: number;
  readonly batch: TelemetryBatch;
  readonly nowMs: number;
}

/** A half-open span of time. */
export interface StoredSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface SampleQuery extends StoredSpan {
  readonly verdict?: "allow" | "deny";
  /** What the policies in observe mode would have made of it. */
  readonly observed?: "allow" | "deny";
  readonly limit: number;
}

export type StoredEvent = AgentEvent & { readonly instance: string };
export type StoredRefusal = Refusal & { readonly instance: string };

const NOTHING_OBSERVED = { observedVerdict: "none", observedPolicy: "", audits: [] } as const;
const SKEW_MS = 10_000;
const MINUTE_MS = 60_000;

/** Keeps telemetry in time buckets and answers questions about it. A disk that takes nothing more loses history, never the process. */
export class TelemetryStore {
  readonly #database: SqliteDatabase;
  readonly #limits: TelemetryStoreLimits;
  readonly #edges: EdgeRows;
  readonly #series: SeriesRows;
  readonly #decisions: DecisionRows;
  readonly #running = new RunningTotals();
  readonly #listeners = new Set<(sample: ObservedRequest) => void>();

  constructor(options: { readonly database: SqliteDatabase; readonly limits?: Partial<TelemetryStoreLimits> }) {
    this.#database = options.database;
    this.#limits = { ...TELEMETRY_STORE_LIMITS, ...options.limits };
    this.#edges = new EdgeRows(this.#database);
    this.#series = new SeriesRows(this.#database, this.#edges);
    this.#decisions = new DecisionRows(this.#database, this.#edges);
  }

  /** Makes what is missing of the tables. */
  open(): Result<void> {
    return this.#guard("prepare", () => {
      for (const { table, column, statement } of ADDED_COLUMNS) {
        const held = this.#database.query(`SELECT name FROM pragma_table_info('${table}')`).all() as { name: string }[];
        if (held.length > 0 && !held.some(({ name }) => name === column)) this.#database.exec(statement);
      }
      this.#database.exec(SCHEMA);
    });
  }

  /** Stores a batch once: a repeated or older one of a session is left out. Whole or not at all. */
  ingest(report: Ingest): Result<"stored" | "repeated"> {
    let isStored = false;
    const written = this.#guard("store", () => {
      this.#database.transaction(() => {
        if (!this.#isNew(report)) return;
        this.#write(report);
        isStored = true;
      })();
    });
    if (!written.ok) {
      this.#edges.forget();
      this.#decisions.forget();
      return written;
    }
    if (isStored) this.#tell(report.batch);
    return success(isStored ? "stored" : "repeated");
  }

  /** Sums of every edge and outcome over a span. Bounded by what was recorded in it. */
  totals({ fromMs, toMs }: StoredSpan): EdgeTotals[] {
    return this.#series.totals(fromMs, toMs);
  }

  /** Every edge of a span, with how often it was used and when last. */
  seen({ fromMs, toMs }: StoredSpan): SeenEdge[] {
    return this.#series.seen(fromMs, toMs);
  }

  history(span: StoredSpan & { readonly stepMs: number }): ReturnType<SeriesRows["history"]> {
    return this.#series.history(span);
  }

  /** Requests that began in the span, newest first. */
  samples({ fromMs, toMs, verdict, observed, limit }: SampleQuery): ObservedRequest[] {
    const where = `${verdict === undefined ? "" : "AND verdict = ?"} ${observed === undefined ? "" : "AND observed = ?"}`;
    const parameters = [verdict, observed].filter((each) => each !== undefined);
    return this.#observed(
      this.#database
        .query(
          `SELECT edge, body FROM sample WHERE received_us >= ? AND received_us < ? ${where} ORDER BY received_us DESC LIMIT ?`,
        )
        .all(fromMs * 1000, toMs * 1000, ...parameters, limit),
    );
  }

  /** Everything both sides reported of one trace, by time. */
  trace(traceId: string): ObservedRequest[] {
    return this.#observed(
      this.#database
        .query("SELECT edge, body FROM sample WHERE trace_id = ? ORDER BY received_us LIMIT 2000")
        .all(traceId),
    );
  }

  /** What destinations decided in a span, each kind of request once, a page at a time. */
  decisions({ fromMs, toMs }: StoredSpan): Iterable<readonly RecordedDecision[]> {
    return this.#decisions.pages(fromMs, toMs);
  }

  /** One of them over all the time that is kept. */
  decision(id: string): RecordedDecision | undefined {
    return this.#decisions.byId(id);
  }

  /** Since when decisions are kept, and how many of a span found no row at their agents. */
  decisionCoverage({ fromMs, toMs }: StoredSpan): { readonly fromMs: number | undefined; readonly unrecorded: number } {
    return { fromMs: this.#decisions.firstMs(), unrecorded: this.#decisions.unrecorded(fromMs, toMs) };
  }

  /**
   * The request of an identifier, as it was recorded where it was decided: of one that the caller's side reported and let out, what the
   * destination's side did. Undefined when that is not kept.
   */
  decidedFlow(id: string): ObservedRequest | undefined {
    const [found] = this.#observed(
      this.#database.query(`SELECT edge, body FROM sample WHERE ${SPAN_OF_SAMPLE} = ? LIMIT 1`).all(id),
    );
    if (found === undefined || found.edge.reporter === "destination") return found;
    const isItsOtherSide = ({ edge, parentSpanId }: ObservedRequest): boolean =>
      edge.reporter === "destination" && parentSpanId === id;
    // What the caller's own agent denied never came to a destination.
    return this.trace(found.traceId).find(isItsOtherSide) ?? (found.endReason === "egress-denied" ? found : undefined);
  }

  events(span: StoredSpan, limit: number): StoredEvent[] {
    return this.#notes<AgentEvent>(span, "event", limit);
  }

  refusals(span: StoredSpan, limit: number): StoredRefusal[] {
    return this.#notes<Refusal>(span, "refusal", limit);
  }

  /** Totals of all agents since this server started, for Prometheus. */
  runningTotals(): readonly SeriesTotals[] {
    return this.#running.all();
  }

  /** Calls back for each request as it arrives, until told to stop. The listener must not throw. */
  onSample(listener: (sample: ObservedRequest) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Rolls up and forgets; to be called about each 10 seconds. */
  maintain(nowMs: number): Result<void> {
    return this.#guard("trim", () => {
      this.#database.transaction(() => {
        const [fine, middle] = [nowMs - 10 * MINUTE_MS, nowMs - 120 * MINUTE_MS];
        this.#series.rollUp({ fromWidthMs: 1000, toWidthMs: 10_000, beforeMs: Math.floor(fine / 10_000) * 10_000 });
        const beforeMs = Math.floor(middle / MINUTE_MS) * MINUTE_MS;
        this.#series.rollUp({ fromWidthMs: 10_000, toWidthMs: MINUTE_MS, beforeMs });
        this.#database.query("DELETE FROM series WHERE at_ms < ?").run(nowMs - this.#limits.seriesMs);
        this.#database.query("DELETE FROM sample WHERE received_us < ?").run((nowMs - this.#limits.samplesMs) * 1000);
        this.#database.query("DELETE FROM note WHERE at_ms < ?").run(nowMs - this.#limits.seriesMs);
        this.#database.query("DELETE FROM session WHERE seen_ms < ?").run(nowMs - 3_600_000);
        this.#decisions.rollUp(nowMs);
        this.#decisions.forgetBefore(nowMs - this.#limits.decisionsMs);
        this.#trimToSize();
      })();
    });
  }

  #isNew({ session, sequence, nowMs }: Ingest): boolean {
    const known = this.#database.query("SELECT sequence FROM session WHERE id = ?").get(session) as {
      readonly sequence: number;
    } | null;
    if (known !== null && known.sequence >= sequence) return false;
    this.#database
      .query(
        "INSERT INTO session (id, sequence, seen_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sequence = excluded.sequence, seen_ms = excluded.seen_ms",
      )
      .run(session, sequence, nowMs);
    return true;
  }

  #write(report: Ingest): void {
    const { batch, reporter, nowMs } = report;
    const ids = batch.edges.map((edge) => this.#edges.id(edge));
    // An agent whose clock is ahead must not write into a future that no question reaches.
    const middleMs = Math.min((batch.fromMs + batch.toMs) / 2, nowMs + SKEW_MS);
    const atMs = Math.floor(middleMs / 1000) * 1000;
    for (const delta of batch.series) this.#series.add(atMs, ids[delta.edge] ?? 0, delta);
    this.#decisions.add(report);
    const insert = this.#database.query(
      "INSERT INTO sample (received_us, edge, trace_id, kept, verdict, observed, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    for (const sample of batch.samples) {
      const { edge, ...body } = sample;
      const receivedUs = Math.floor(sample.receivedUs);
      const { traceId, kept, verdict, observedVerdict } = sample;
      insert.run(receivedUs, ids[edge] ?? 0, traceId, kept, verdict, observedVerdict, JSON.stringify(body));
    }
    const note = this.#database.query("INSERT INTO note (at_ms, kind, reporter, body) VALUES (?, ?, ?, ?)");
    for (const event of batch.events) note.run(event.atMs, "event", reporter, JSON.stringify(event));
    for (const refusal of batch.refusals) note.run(refusal.atMs, "refusal", reporter, JSON.stringify(refusal));
  }

  #tell(batch: TelemetryBatch): void {
    this.#running.add(batch);
    if (this.#listeners.size === 0) return;
    for (const sample of batch.samples) {
      const edge = batch.edges[sample.edge];
      if (edge !== undefined) for (const listener of this.#listeners) listener({ ...sample, edge });
    }
  }

  #observed(rows: unknown[]): ObservedRequest[] {
    return rows.flatMap((row) => {
      const { edge, body } = row as { readonly edge: number; readonly body: string };
      const key = this.#edges.key(edge);
      // Of a sample that an older version stored nothing was observed.
      const held = { ...NOTHING_OBSERVED, ...(JSON.parse(body) as Omit<RequestSample, "edge">) };
      return key === undefined ? [] : [{ ...held, edge: key }];
    });
  }

  #notes<Note>({ fromMs, toMs }: StoredSpan, kind: string, limit: number): (Note & { readonly instance: string })[] {
    const rows = this.#database
      .query("SELECT reporter, body FROM note WHERE kind = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms DESC LIMIT ?")
      .all(kind, fromMs, toMs, limit) as { readonly reporter: string; readonly body: string }[];
    return rows.map((row) => ({ ...(JSON.parse(row.body) as Note), instance: row.reporter }));
  }

  /** Samples are the bulk; a tenth of them goes at a time. Where there are none, decisions are. */
  #trimToSize(): void {
    const { pages } = this.#database
      .query(
        "SELECT (p.page_count - f.freelist_count) * s.page_size AS pages FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s",
      )
      .get() as { readonly pages: number };
    if (pages <= this.#limits.bytesMax) return;
    if (this.#database.query("SELECT 1 FROM sample LIMIT 1").get() === null) return this.#decisions.forgetOldest();
    this.#database.exec(
      "DELETE FROM sample WHERE id IN (SELECT id FROM sample ORDER BY received_us LIMIT (SELECT count(*) / 10 + 1 FROM sample))",
    );
  }

  #guard(what: string, run: () => void): Result<void> {
    try {
      run();
      return success(undefined);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      return failure(
        problem("HDL_TELEMETRY_STORE", `The telemetry database could not ${what} data: ${reason}`, { cause }),
      );
    }
  }
}

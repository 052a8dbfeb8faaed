import type { SqliteDatabase } from "#engine/sqlite";
import {
  type EdgeKey,
  type EdgeTotals,
  mergeBuckets,
  type SeriesDelta,
  type SparseBuckets,
  type Stages,
} from "#telemetry";
import type { EdgeRows } from "./edge-rows.ts";

interface SeriesRow {
  readonly edge: number;
  readonly status: number;
  readonly reason: string;
  readonly policy: string;
  readonly count: number;
  readonly chosen_us: number;
  readonly sent_us: number;
  readonly first_byte_us: number;
  readonly done_us: number;
  readonly buckets: string;
}

interface TimedRow extends SeriesRow {
  readonly at_ms: number;
}

const COLUMNS = "edge, status, reason, policy, count, chosen_us, sent_us, first_byte_us, done_us, buckets";

/** How often an edge was used, and when last: to the second, and of older rows to the minute. */
export interface SeenEdge {
  readonly edge: EdgeKey;
  readonly count: number;
  readonly lastSeenMs: number;
}

/** Fine rows grow into coarser ones as they age: second, ten seconds, minute. */
export interface RollUp {
  readonly fromWidthMs: number;
  readonly toWidthMs: number;
  /** Rows that begin before this go; a multiple of `toWidthMs`. */
  readonly beforeMs: number;
}

/** Time buckets of every edge and outcome. */
export class SeriesRows {
  readonly #database: SqliteDatabase;
  readonly #edges: EdgeRows;

  constructor(database: SqliteDatabase, edges: EdgeRows) {
    this.#database = database;
    this.#edges = edges;
  }

  add(atMs: number, edge: number, delta: SeriesDelta): void {
    const [chosen, sent, firstByte, done] = delta.stagesUs;
    this.#merge(1000, atMs, {
      edge,
      status: delta.status,
      reason: delta.endReason,
      policy: delta.policy,
      count: delta.count,
      chosen_us: chosen,
      sent_us: sent,
      first_byte_us: firstByte,
      done_us: done,
      buckets: JSON.stringify(delta.buckets),
    });
  }

  /** Sums over the rows that begin in [fromMs, toMs). */
  totals(fromMs: number, toMs: number): EdgeTotals[] {
    const rows = this.#database
      .query(`SELECT ${COLUMNS} FROM series WHERE at_ms >= ? AND at_ms < ?`)
      .all(fromMs, toMs) as SeriesRow[];
    const sums = new Map<string, SeriesRow[]>();
    for (const row of rows) {
      const key = [row.edge, row.status, row.reason, row.policy].join("\n");
      const known = sums.get(key);
      if (known === undefined) sums.set(key, [row]);
      else known.push(row);
    }
    return [...sums.values()].flatMap((alike) => this.#sum(alike));
  }

  /** Each edge of the span, whatever came of its requests. */
  seen(fromMs: number, toMs: number): SeenEdge[] {
    const rows = this.#database
      .query(
        "SELECT edge, SUM(count) AS count, MAX(at_ms) AS last FROM series WHERE at_ms >= ? AND at_ms < ? GROUP BY edge",
      )
      .all(fromMs, toMs) as { readonly edge: number; readonly count: number; readonly last: number }[];
    return rows.flatMap(({ edge, count, last }) => {
      const key = this.#edges.key(edge);
      return key === undefined ? [] : [{ edge: key, count, lastSeenMs: last }];
    });
  }

  /** The same, by time step: for charts. */
  history(span: { readonly fromMs: number; readonly toMs: number; readonly stepMs: number }): {
    readonly atMs: number;
    readonly totals: readonly EdgeTotals[];
  }[] {
    const steps: { atMs: number; totals: EdgeTotals[] }[] = [];
    for (let atMs = span.fromMs; atMs < span.toMs; atMs += span.stepMs)
      steps.push({ atMs, totals: this.totals(atMs, Math.min(span.toMs, atMs + span.stepMs)) });
    return steps;
  }

  rollUp({ fromWidthMs, toWidthMs, beforeMs }: RollUp): void {
    const rows = this.#database
      .query(`SELECT at_ms, ${COLUMNS} FROM series WHERE width_ms = ? AND at_ms < ? ORDER BY at_ms LIMIT 20000`)
      .all(fromWidthMs, beforeMs) as TimedRow[];
    const last = rows.at(-1)?.at_ms;
    if (last === undefined) return;
    for (const row of rows) this.#merge(toWidthMs, Math.floor(row.at_ms / toWidthMs) * toWidthMs, row);
    const remove =
      "DELETE FROM series WHERE width_ms = ? AND at_ms = ? AND edge = ? AND status = ? AND reason = ? AND policy = ?";
    for (const row of rows)
      this.#database.query(remove).run(fromWidthMs, row.at_ms, row.edge, row.status, row.reason, row.policy);
  }

  #merge(widthMs: number, atMs: number, row: SeriesRow): void {
    const key = [widthMs, atMs, row.edge, row.status, row.reason, row.policy] as const;
    const known = this.#database
      .query(
        "SELECT buckets FROM series WHERE width_ms = ? AND at_ms = ? AND edge = ? AND status = ? AND reason = ? AND policy = ?",
      )
      .get(...key) as { readonly buckets: string } | null;
    const buckets =
      known === null ? row.buckets : JSON.stringify(mergeBuckets(parse(known.buckets), parse(row.buckets)));
    this.#database
      .query(
        `INSERT INTO series (width_ms, at_ms, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET count = count + excluded.count, chosen_us = chosen_us + excluded.chosen_us,
           sent_us = sent_us + excluded.sent_us, first_byte_us = first_byte_us + excluded.first_byte_us,
           done_us = done_us + excluded.done_us, buckets = excluded.buckets`,
      )
      .run(...key, row.count, row.chosen_us, row.sent_us, row.first_byte_us, row.done_us, buckets);
  }

  #sum(rows: readonly SeriesRow[]): EdgeTotals[] {
    const first = rows[0];
    const edge = first === undefined ? undefined : this.#edges.key(first.edge);
    if (first === undefined || edge === undefined) return [];
    const sumOf = (read: (row: SeriesRow) => number): number => rows.reduce((sum, row) => sum + read(row), 0);
    const stagesUs: Stages = [
      sumOf((row) => row.chosen_us),
      sumOf((row) => row.sent_us),
      sumOf((row) => row.first_byte_us),
      sumOf((row) => row.done_us),
    ];
    const buckets = rows.map((row) => parse(row.buckets)).reduce((sum, each) => mergeBuckets(sum, each));
    const { status, policy } = first;
    const endReason = this.#edges.reason(first.reason);
    return [{ edge, status, endReason, policy, count: sumOf((row) => row.count), stagesUs, buckets }];
  }
}

function parse(text: string): SparseBuckets {
  return JSON.parse(text) as SparseBuckets;
}

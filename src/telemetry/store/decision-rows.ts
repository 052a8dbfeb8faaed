import type { SqliteDatabase } from "#engine/sqlite";
import type {
  DecisionDelta,
  DecisionDetail,
  DecisionKey,
  EdgeKey,
  Party,
  TelemetryBatch,
  TokenSeen,
  Verdict,
} from "#telemetry";
import type { EdgeRows } from "./edge-rows.ts";

/** A kind of request, what was decided of it, and how often. */
export interface RecordedDecision extends DecisionKey {
  /** Of the kind: the same each time it is asked for, and never another's. */
  readonly id: string;
  /** Of the replica that decided nothing is kept, and of the one that called only where its address is all that is known. */
  readonly edge: EdgeKey;
  readonly count: number;
  /** To the second; at the start of a span, to the minute, and after two hours to the hour. */
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

interface Row {
  readonly id: number;
  readonly edge: number;
  readonly key: string;
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

/** What a batch is written with. */
interface Written {
  readonly batch: TelemetryBatch;
  readonly reporter: string;
  readonly nowMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const SKEW_MS = 10_000;
/** By the minute for so long. */
const FINE_MS = 2 * HOUR_MS;
/** Kinds that are looked through at once, seen in the span or not: some ten milliseconds' worth. */
const PAGE_KINDS = 1000;
const CACHED_MAX = 50_000;
const MERGED_AT_ONCE_MAX = 20_000;

const SELECT =
  "SELECT k.id, k.edge, k.key, SUM(d.count) AS count, MIN(d.first_ms) AS first, MAX(d.last_ms) AS last FROM decision d JOIN decision_key k ON k.id = d.key";

const ADD = `INSERT INTO decision (key, width_ms, at_ms, count, first_ms, last_ms) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET count = count + excluded.count, first_ms = MIN(first_ms, excluded.first_ms), last_ms = MAX(last_ms, excluded.last_ms)`;

/** Recorded decisions: each kind of request once, and its counts by the minute and the hour. */
export class DecisionRows {
  readonly #database: SqliteDatabase;
  readonly #edges: EdgeRows;
  readonly #idByText = new Map<string, number>();

  constructor(database: SqliteDatabase, edges: EdgeRows) {
    this.#database = database;
    this.#edges = edges;
  }

  /** Only a destination decides; what the other side says of it is left out. */
  add({ batch, reporter, nowMs }: Written): void {
    const lastMs = Math.floor(Math.min(batch.toMs, nowMs + SKEW_MS));
    const firstMs = Math.floor(Math.min(batch.fromMs, lastMs));
    const atMs = Math.floor(firstMs / MINUTE_MS) * MINUTE_MS;
    const edges = batch.edges.map((edge) => (edge.reporter === "destination" ? this.#edges.id(kindOf(edge)) : 0));
    const insert = this.#database.query(ADD);
    for (const decision of batch.decisions) {
      const edge = edges[decision.edge] ?? 0;
      if (edge !== 0) insert.run(this.#id(edge, decision), MINUTE_MS, atMs, decision.count, firstMs, lastMs);
    }
    if (batch.unrecordedDecisions === 0) return;
    this.#database
      .query(
        "INSERT INTO unrecorded (at_ms, reporter, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
      )
      .run(Math.floor(firstMs / HOUR_MS) * HOUR_MS, reporter, batch.unrecordedDecisions);
  }

  /**
   * Those that were seen in [fromMs, toMs), in order of their first sight and in pages, between which the database may be written to; of a
   * bucket that lies only in part in it, the whole is counted.
   */
  *pages(fromMs: number, toMs: number): Generator<readonly RecordedDecision[]> {
    const next = this.#database.query(
      "SELECT MAX(id) AS last FROM (SELECT id FROM decision_key WHERE id > ? ORDER BY id LIMIT ?)",
    );
    // Bounded by what is looked through, not by what is found: of a short span little is, among millions.
    const query = this.#database.query(
      `${SELECT} WHERE d.key > ? AND d.key <= ? AND d.last_ms >= ? AND d.first_ms < ? GROUP BY d.key`,
    );
    for (let after = 0; ; ) {
      const { last } = next.get(after, PAGE_KINDS) as { readonly last: number | null };
      if (last === null) return;
      const rows = query.all(after, last, fromMs, toMs) as Row[];
      yield rows.flatMap((row) => this.#recorded(row));
      after = last;
    }
  }

  byId(id: string): RecordedDecision | undefined {
    if (!/^\d{1,15}$/.test(id)) return undefined;
    const row = this.#database.query(`${SELECT} WHERE d.key = ? GROUP BY d.key`).get(Number(id)) as Row | null;
    return row === null ? undefined : this.#recorded(row)[0];
  }

  /** When the first of those began that are kept. */
  firstMs(): number | undefined {
    const { first } = this.#database.query("SELECT MIN(first_ms) AS first FROM decision").get() as {
      readonly first: number | null;
    };
    return first ?? undefined;
  }

  unrecorded(fromMs: number, toMs: number): number {
    const { count } = this.#database
      .query("SELECT COALESCE(SUM(count), 0) AS count FROM unrecorded WHERE at_ms > ? AND at_ms < ?")
      .get(fromMs - HOUR_MS, toMs) as { readonly count: number };
    return count;
  }

  rollUp(nowMs: number): void {
    const beforeMs = Math.floor((nowMs - FINE_MS) / HOUR_MS) * HOUR_MS;
    const rows = this.#database
      .query("SELECT * FROM decision WHERE width_ms = ? AND at_ms < ? LIMIT ?")
      .all(MINUTE_MS, beforeMs, MERGED_AT_ONCE_MAX) as {
      readonly key: number;
      readonly at_ms: number;
      readonly count: number;
      readonly first_ms: number;
      readonly last_ms: number;
    }[];
    const [insert, remove] = [
      this.#database.query(ADD),
      this.#database.query("DELETE FROM decision WHERE key = ? AND width_ms = ? AND at_ms = ?"),
    ];
    for (const { key, at_ms, count, first_ms, last_ms } of rows) {
      insert.run(key, HOUR_MS, Math.floor(at_ms / HOUR_MS) * HOUR_MS, count, first_ms, last_ms);
      remove.run(key, MINUTE_MS, at_ms);
    }
  }

  forgetBefore(beforeMs: number): void {
    const isOld = "width_ms IN (60000, 3600000) AND at_ms < ?";
    if (this.#database.query(`SELECT 1 FROM decision WHERE ${isOld} LIMIT 1`).get(beforeMs) === null) return;
    this.#database.query(`DELETE FROM decision WHERE ${isOld}`).run(beforeMs);
    this.#database.query("DELETE FROM unrecorded WHERE at_ms < ?").run(beforeMs);
    this.#sweep();
  }

  /** A tenth of them. */
  forgetOldest(): void {
    this.#database.exec(
      `DELETE FROM decision WHERE (key, width_ms, at_ms) IN (
         SELECT key, width_ms, at_ms FROM decision ORDER BY at_ms LIMIT (SELECT count(*) / 10 + 1 FROM decision))`,
    );
    this.#sweep();
  }

  /** Numbers learned in a transaction that was undone are no longer good. */
  forget(): void {
    this.#idByText.clear();
  }

  /** Of kinds that are never counted any more nothing is kept. */
  #sweep(): void {
    this.#database.exec(
      "DELETE FROM decision_key WHERE NOT EXISTS (SELECT 1 FROM decision WHERE decision.key = decision_key.id)",
    );
    this.forget();
  }

  #id(edge: number, decision: DecisionDelta): number {
    const key = keyText(decision);
    const text = `${edge}${key}`;
    const cached = this.#idByText.get(text);
    if (cached !== undefined) return cached;
    this.#database.query("INSERT INTO decision_key (edge, key) VALUES (?, ?) ON CONFLICT DO NOTHING").run(edge, key);
    const { id } = this.#database.query("SELECT id FROM decision_key WHERE edge = ? AND key = ?").get(edge, key) as {
      readonly id: number;
    };
    if (this.#idByText.size >= CACHED_MAX) this.#idByText.clear();
    this.#idByText.set(text, id);
    return id;
  }

  #recorded({ id, edge: edgeId, key, count, first, last }: Row): readonly RecordedDecision[] {
    const edge = this.#edges.key(edgeId);
    if (edge === undefined) return [];
    return [recordedOf({ id: String(id), edge, count, firstSeenMs: first, lastSeenMs: last }, key)];
  }
}

function kindOf({ source, destination, ...edge }: EdgeKey): EdgeKey {
  const instance = source.principal === "" ? source.instance : "";
  return { ...edge, source: party(source, instance), destination: party(destination, "") };
}

/** In one order, since edges are found by their text. */
function party({ namespace, workload, principal, service, version }: Party, instance: string): Party {
  return { namespace, workload, instance, principal, service, version };
}

type KeyFields = readonly [
  port: number,
  detail: DecisionDetail,
  method: string,
  path: string,
  host: string,
  token: TokenSeen,
  issuer: string,
  verdict: DecisionKey["verdict"],
  isExternal: 0 | 1,
  policy: string,
  rule: number,
  observedVerdict: Verdict,
  observedPolicy: string,
];

function keyText(key: DecisionKey): string {
  const { port, detail, method, path, host, token, issuer, verdict, policy, rule } = key;
  const asked = [port, detail, method, path, host, token, issuer] as const;
  const said = [verdict, key.isExternal ? 1 : 0, policy, rule, key.observedVerdict, key.observedPolicy] as const;
  const fields: KeyFields = [...asked, ...said];
  return JSON.stringify(fields);
}

type Seen = Omit<RecordedDecision, keyof DecisionKey>;

/** Spelled out, since a replay reads a million of them: spreading objects takes longer than the database. */
function recordedOf({ id, edge, count, firstSeenMs, lastSeenMs }: Seen, keyText: string): RecordedDecision {
  const fields = JSON.parse(keyText) as KeyFields;
  return {
    id,
    edge,
    count,
    firstSeenMs,
    lastSeenMs,
    port: fields[0],
    detail: fields[1],
    method: fields[2],
    path: fields[3],
    host: fields[4],
    token: fields[5],
    issuer: fields[6],
    verdict: fields[7],
    isExternal: fields[8] === 1,
    policy: fields[9],
    rule: fields[10],
    observedVerdict: fields[11],
    observedPolicy: fields[12],
  };
}

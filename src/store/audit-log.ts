import { sha256Hex } from "#engine/crypto";
import { type SqliteDatabase, sqliteProblem } from "#engine/sqlite";
import {
  AUDIT_GENESIS,
  AUDIT_TRIMMED,
  type AuditEntry,
  type AuditFault,
  type AuditHead,
  type AuditLine,
  auditText,
  checkAuditChain,
  failure,
  type Result,
  success,
  trimDetail,
} from "#model";
import { AUDIT_SCHEMA, AUDIT_TRIM_COUNT } from "./schema.ts";

interface AuditRow {
  readonly id: number;
  readonly at_ms: number;
  readonly actor: string;
  readonly action: string;
  readonly detail: string;
  readonly namespaces: string;
  readonly previous_hash: string;
  readonly hash: string;
}

/** What was written before entries were chained. */
type UnchainedRow = Pick<AuditRow, "at_ms" | "actor" | "action" | "detail">;

export interface AuditQuery {
  readonly limit: number;
  /** Only entries before this number, to read on from a page. */
  readonly before?: number;
}

export interface AuditPage {
  /** The newest first. */
  readonly entries: readonly AuditEntry[];
  /** Of the whole log; `sequence` 0 while it is empty. */
  readonly head: AuditHead;
}

const EMPTY: AuditHead = { sequence: 0, hash: AUDIT_GENESIS };
const SERVER_ACTOR = "server";

/**
 * What was done to the mesh, and refused, as a chain: each entry holds the hash of the one before, so that no entry can be changed
 * or taken out unnoticed. Entries are let go only from its old end, in steps, and an entry of the chain says each time which.
 */
export class AuditLog {
  readonly #database: SqliteDatabase;
  readonly #keptMin: number;
  #fresh: AuditEntry[] = [];

  /** More than `keptMin` entries and one step of letting go are never held. */
  constructor(database: SqliteDatabase, keptMin: number) {
    this.#database = database;
    this.#keptMin = keptMin;
  }

  /** Makes the tables; chains what an earlier version wrote. Throws what the database throws. */
  open(nowMs: number): void {
    this.#database.transaction(() => {
      const unchained = this.#takeUnchained();
      this.#database.exec(AUDIT_SCHEMA);
      for (const { at_ms, ...line } of unchained) this.append({ atMs: at_ms, ...line, namespaces: [] });
      if (unchained.length === 0) return;
      const detail = `entries up to ${unchained.length} were written before entries were chained`;
      this.append({ atMs: nowMs, actor: SERVER_ACTOR, action: "audit-chained", detail, namespaces: [] });
    })();
    this.takeFresh();
  }

  /** Adds an entry after the newest. To be called inside a transaction, with what it tells of. Throws what the database throws. */
  append(line: AuditLine): void {
    this.#add(line);
    const database = this.#database;
    const oldest = database.query("SELECT MIN(id) AS id FROM audit").get() as { id: number };
    const count = this.#head().sequence - oldest.id + 1;
    if (count >= this.#keptMin + AUDIT_TRIM_COUNT) this.#trim(oldest.id + AUDIT_TRIM_COUNT - 1, line.atMs);
  }

  /** What was appended since this was last asked: to be told once the transaction is done, and let go when it was taken back. */
  takeFresh(): readonly AuditEntry[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  page({ limit, before = Number.MAX_SAFE_INTEGER }: AuditQuery): Result<AuditPage> {
    return this.#guard("reading the audit log", () => {
      const rows = this.#database.query("SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?").all(before, limit);
      return { entries: (rows as AuditRow[]).map(entryOf), head: this.#head() };
    });
  }

  /** Reads the whole log; about 5 µs an entry. */
  verify(): Result<readonly AuditFault[]> {
    return this.#guard("verifying the audit log", () => {
      const entries = (this.#database.query("SELECT * FROM audit ORDER BY id").all() as AuditRow[]).map(entryOf);
      return checkAuditChain(entries, {
        hash: sha256Hex,
        heads: [this.#head()],
        isPart: false,
        keptMin: this.#keptMin,
      });
    });
  }

  #add({ atMs, actor, action, detail, namespaces }: AuditLine): void {
    const head = this.#head();
    const sequence = head.sequence + 1;
    const entry = { atMs, actor, action, detail, namespaces, sequence, previousHash: head.hash };
    const hash = sha256Hex(auditText(entry));
    const insert = `INSERT INTO audit (id, at_ms, actor, action, detail, namespaces, previous_hash, hash)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
    const names = JSON.stringify(namespaces);
    this.#database.query(insert).run(sequence, atMs, actor, action, detail, names, head.hash, hash);
    this.#database
      .query("INSERT OR REPLACE INTO audit_head (only_row, sequence, hash) VALUES (1, ?, ?)")
      .run(sequence, hash);
    this.#fresh.push({ ...entry, hash });
  }

  /** The entry that tells of it is there before anything goes: the database refuses to let go of what is not told. */
  #trim(last: number, atMs: number): void {
    const database = this.#database;
    const { hash } = database.query("SELECT hash FROM audit WHERE id = ?").get(last) as { hash: string };
    const detail = trimDetail({ sequence: last, hash });
    this.#add({ atMs, actor: SERVER_ACTOR, action: AUDIT_TRIMMED, detail, namespaces: [] });
    database.query("INSERT INTO audit_trim (last) VALUES (?)").run(last);
    database.query("DELETE FROM audit WHERE id <= ?").run(last);
    database.query("DELETE FROM audit_trim").run();
  }

  #head(): AuditHead {
    const row = this.#database.query("SELECT sequence, hash FROM audit_head").get() as AuditHead | null;
    return row ?? EMPTY;
  }

  #takeUnchained(): readonly UnchainedRow[] {
    const columns = this.#database.query("SELECT name FROM pragma_table_info('audit')").all() as { name: string }[];
    if (columns.length === 0 || columns.some(({ name }) => name === "hash")) return [];
    const rows = this.#database.query("SELECT at_ms, actor, action, detail FROM audit ORDER BY id").all();
    this.#database.exec("DROP TABLE audit");
    return rows as UnchainedRow[];
  }

  #guard<T>(what: string, step: () => T): Result<T> {
    try {
      return success(step());
    } catch (cause) {
      return failure(sqliteProblem(what, cause));
    }
  }
}

function entryOf({ id, at_ms, actor, action, detail, namespaces, previous_hash, hash }: AuditRow): AuditEntry {
  return {
    sequence: id,
    atMs: at_ms,
    actor,
    action,
    detail,
    namespaces: namesOf(namespaces),
    previousHash: previous_hash,
    hash,
  };
}

/** What is no list of names shows as one that its hash does not hold. */
function namesOf(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  } catch {
    // Told below.
  }
  return [text];
}

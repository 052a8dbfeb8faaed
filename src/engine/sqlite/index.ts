/** The only door to SQLite: a database that is whole when it opens, and whose failures are problems. */
import { Database } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { failure, type Problem, problem, type Result, success } from "#model";

export type SqliteValue = string | number | null;

export interface SqliteStatement {
  run(...parameters: SqliteValue[]): unknown;
  all(...parameters: SqliteValue[]): unknown[];
  get(...parameters: SqliteValue[]): unknown;
}

export interface SqliteDatabase {
  exec(sql: string): unknown;
  /** Prepared once a text and kept. */
  query(sql: string): SqliteStatement;
  /** All or nothing: an exception takes everything back. */
  transaction(run: () => void): () => void;
  close(): void;
}

export interface SqliteOptions {
  /** `full`: what was committed survives a power cut. `normal`: it survives a crash of the process. */
  readonly durability: "full" | "normal";
}

const BUSY_TIMEOUT_MS = 5000;

/** Opens the file, or makes it (0600), and checks that it is whole. `:memory:` keeps nothing. */
export function openSqlite(path: string, { durability }: SqliteOptions): Result<SqliteDatabase> {
  let database: Database | undefined;
  try {
    const isFile = path !== ":memory:";
    if (isFile) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const isNew = isFile && !existsSync(path);
    database = new Database(path, { create: true, readwrite: true });
    if (isNew) chmodSync(path, 0o600);
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
    const [row] = database.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").all();
    if (row?.quick_check !== "ok") throw new Error(row?.quick_check ?? "the check did not answer");
    return success(database);
  } catch (cause) {
    database?.close();
    return failure(sqliteProblem(path, cause));
  }
}

const DAMAGED = new Set(["SQLITE_CORRUPT", "SQLITE_NOTADB"]);
const NO_ROOM = new Set(["SQLITE_FULL", "SQLITE_IOERR", "SQLITE_IOERR_WRITE"]);

/** What an exception of the database means to its owner. `what` names the file or the step. */
export function sqliteProblem(what: string, cause: unknown): Problem {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (NO_ROOM.has(code) || /disk is full|disk I\/O error/.test(reason)) {
    return problem("HDL_ENGINE_DISK_FULL", `${what}: ${reason}; nothing was changed`, { cause });
  }
  const isDamaged = DAMAGED.has(code) || /malformed|not a database|\*\*\*|corrupt/i.test(reason);
  if (isDamaged) return problem("HDL_ENGINE_DATABASE_CORRUPT", `${what} is damaged: ${reason}`, { cause });
  return problem("HDL_ENGINE_DATABASE", `${what}: ${reason}`, { cause });
}

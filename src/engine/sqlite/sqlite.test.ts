import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqlite, sqliteProblem } from "./index.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "heddle-sqlite-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function open(path: string) {
  const opened = openSqlite(path, { durability: "full" });
  if (!opened.ok) throw new Error(opened.problems[0].message);
  return opened.value;
}

test("a new database is private and keeps what was committed", () => {
  const path = join(directory, "deep/a.db");
  const first = open(path);
  first.exec("CREATE TABLE t (a TEXT)");
  first.query("INSERT INTO t VALUES (?)").run("kept");
  first.close();
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(open(path).query("SELECT a FROM t").all()).toEqual([{ a: "kept" }]);
});

test("a transaction that throws changes nothing", () => {
  const database = open(":memory:");
  database.exec("CREATE TABLE t (a TEXT)");
  const step = database.transaction(() => {
    database.query("INSERT INTO t VALUES (?)").run("lost");
    throw new Error("no");
  });
  expect(step).toThrow("no");
  expect(database.query("SELECT a FROM t").all()).toEqual([]);
});

test("a file that is no database is told as damaged and left alone", () => {
  const path = join(directory, "a.db");
  writeFileSync(path, "this is not a database, however long it may be".repeat(100));
  const before = readFileSync(path);
  const opened = openSqlite(path, { durability: "full" });
  expect(opened.ok ? "" : opened.problems[0].code).toBe("HDL_ENGINE_DATABASE_CORRUPT");
  expect(readFileSync(path).equals(before)).toBe(true);
});

test("pages that were overwritten are noticed at the next opening", () => {
  const path = join(directory, "a.db");
  const database = open(path);
  database.exec("CREATE TABLE t (a TEXT)");
  for (let row = 0; row < 2000; row++) database.query("INSERT INTO t VALUES (?)").run(`row ${row} ${"x".repeat(100)}`);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  const bytes = readFileSync(path);
  bytes.fill(0xa5, 4096 * 2, 4096 * 20);
  writeFileSync(path, bytes);
  const opened = openSqlite(path, { durability: "full" });
  expect(opened.ok ? "" : opened.problems[0].code).toBe("HDL_ENGINE_DATABASE_CORRUPT");
});

test("a full disk is told as such", () => {
  const database = open(join(directory, "a.db"));
  database.exec("PRAGMA max_page_count = 4");
  let told = "";
  try {
    database.exec("CREATE TABLE t (a TEXT)");
    for (let row = 0; row < 1000; row++) database.query("INSERT INTO t VALUES (?)").run("x".repeat(1000));
  } catch (cause) {
    told = sqliteProblem("saving", cause).code;
  }
  expect(told).toBe("HDL_ENGINE_DISK_FULL");
});

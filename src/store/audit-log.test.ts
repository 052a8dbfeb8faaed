import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { sha256Hex } from "#engine/crypto";
import { openSqlite, type SqliteDatabase } from "#engine/sqlite";
import { type AuditEntry, auditText, checkAuditChain, describeAuditFault, valueOrThrow } from "#model";
import { seededRandom } from "../../test/fakes/random.ts";
import { FakeTime } from "../../test/fakes/time.ts";
import { ResourceStore } from "./index.ts";

function openStore(database: SqliteDatabase, auditKeptMin = 100): ResourceStore {
  const store = new ResourceStore({ database, clock: new FakeTime(), random: seededRandom(1), auditKeptMin });
  valueOrThrow(store.open());
  return store;
}

const memory = (): SqliteDatabase => valueOrThrow(openSqlite(":memory:", { durability: "full" }));
const line = (n: number) => ({
  atMs: n,
  actor: "ada",
  action: "token-created",
  detail: `token ${n}`,
  namespaces: ["shop"],
});

/** A store with ten entries, and its database as somebody with the file would have it. */
function tamperable() {
  const database = memory();
  const store = openStore(database);
  for (let n = 1; n <= 10; n++) valueOrThrow(store.audit(line(n)));
  database.exec("DROP TRIGGER audit_keeps; DROP TRIGGER audit_stays");
  const faults = (): readonly string[] => valueOrThrow(store.auditLog.verify()).map(describeAuditFault);
  return { database, store, faults };
}

/** An entry as the database has it, with some of it changed and its own hash made anew. */
function rehash(database: SqliteDatabase, store: ResourceStore, id: number): void {
  const { entries } = valueOrThrow(store.auditLog.page({ limit: 100 }));
  const entry = entries.find(({ sequence }) => sequence === id);
  if (entry !== undefined)
    database.query("UPDATE audit SET hash = ? WHERE id = ?").run(sha256Hex(auditText(entry)), id);
}

const SHIFT = (from: number, by: number) =>
  `UPDATE audit SET id = -id - ${by} WHERE id >= ${from}; UPDATE audit SET id = -id WHERE id < 0`;

describe("the audit log", () => {
  test("is whole as it is written, and shows its newest first with its head", () => {
    const { store, faults } = tamperable();
    expect(faults()).toEqual([]);
    const { entries, head } = valueOrThrow(store.auditLog.page({ limit: 2 }));
    expect(entries.map(({ sequence }) => sequence)).toEqual([10, 9]);
    expect(head).toEqual({ sequence: 10, hash: entries[0]?.hash ?? "" });
    const next = valueOrThrow(store.auditLog.page({ limit: 2, before: 9 }));
    expect(next.entries.map(({ sequence }) => sequence)).toEqual([8, 7]);
    expect(entries[1]?.hash).toBe(entries[0]?.previousHash ?? "");
  });

  test("hashes the JSON of RFC 8785, so that others can check it with what they have", () => {
    const { entries } = valueOrThrow(tamperable().store.auditLog.page({ limit: 100 }));
    const { hash, ...rest } = entries.at(-1) as AuditEntry;
    const sorted = JSON.stringify(Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))));
    expect(auditText(rest)).toBe(sorted);
    expect(sha256Hex(sorted)).toBe(hash);
  });

  test.each<[string, (database: SqliteDatabase, store: ResourceStore) => void, readonly string[]]>([
    [
      "a changed entry",
      (database) => database.exec("UPDATE audit SET detail = 'nothing' WHERE id = 4"),
      ["entry 4 was changed: its content does not make its hash"],
    ],
    [
      "a changed namespace",
      (database) => database.exec("UPDATE audit SET namespaces = 'x' WHERE id = 4"),
      ["entry 4 was changed: its content does not make its hash"],
    ],
    [
      "a changed entry whose hash was made anew",
      (database, store) => {
        database.exec("UPDATE audit SET actor = 'eve' WHERE id = 4");
        rehash(database, store, 4);
      },
      ["entry 5 was not written after entry 4 as it stands: that one was replaced"],
    ],
    [
      "removed entries",
      (database) => database.exec("DELETE FROM audit WHERE id IN (4, 5)"),
      ["entries 4 to 5 were removed"],
    ],
    [
      "a removed entry whose gap was closed",
      (database) => database.exec(`DELETE FROM audit WHERE id = 4; ${SHIFT(5, -1)}`),
      ["entries 4 to 9 were written as 5 to 10: 1 removed before them", "the log does not hold the head"],
    ],
    [
      "an inserted entry",
      (database, store) => {
        database.exec(SHIFT(5, 1));
        database.exec(
          `INSERT INTO audit SELECT 5, at_ms, 'eve', action, detail, namespaces, hash, '' FROM audit WHERE id = 4`,
        );
        rehash(database, store, 5);
      },
      ["entries 6 to 11 were written as 5 to 10: 1 inserted before them", "the log does not hold the head"],
    ],
    [
      "exchanged entries",
      (database) =>
        database.exec(
          "UPDATE audit SET id = 99 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = 5; UPDATE audit SET id = 5 WHERE id = 99",
        ),
      [
        "entry 4 was written as entry 5: entries were reordered",
        "entry 5 was written as entry 4: entries were reordered",
      ],
    ],
    [
      "a removed end",
      (database) => database.exec("DELETE FROM audit WHERE id > 8"),
      ["the log does not hold the head 10:"],
    ],
    [
      "a removed beginning",
      (database) => database.exec("DELETE FROM audit WHERE id < 3"),
      ["the log begins with entry 3, and nothing says that those before were let go: they were removed"],
    ],
  ])("finds %s and says which", (_, tamper, expected) => {
    const { database, store, faults } = tamperable();
    tamper(database, store);
    const found = faults();
    expect(found.map((fault, index) => fault.slice(0, expected[index]?.length))).toEqual([...expected]);
  });

  test("is told by a head that was kept elsewhere when it is written anew from the beginning", () => {
    const { store } = tamperable();
    const { head } = valueOrThrow(store.auditLog.page({ limit: 1 }));
    const other = openStore(memory());
    for (let n = 1; n <= 12; n++) valueOrThrow(other.audit({ ...line(n), actor: "eve" }));
    const { entries, head: own } = valueOrThrow(other.auditLog.page({ limit: 100 }));
    const check = { hash: sha256Hex, isPart: false, keptMin: 100 };
    expect(checkAuditChain(entries.toReversed(), { ...check, heads: [own] })).toEqual([]);
    expect(checkAuditChain(entries.toReversed(), { ...check, heads: [own, head] })).toEqual([
      { kind: "head-differs", head },
    ]);
  });

  test("tells of each entry once it is stored, and of none that was taken back", () => {
    const database = memory();
    const told: AuditEntry[] = [];
    const store = new ResourceStore({
      database,
      clock: new FakeTime(),
      random: seededRandom(1),
      onAudit: (entry) => told.push(entry),
    });
    valueOrThrow(store.open());
    valueOrThrow(store.audit(line(1)));
    database.exec("CREATE TRIGGER full BEFORE UPDATE ON audit_head BEGIN SELECT RAISE(ABORT, 'no'); END");
    database.exec("CREATE TRIGGER full2 BEFORE INSERT ON audit_head BEGIN SELECT RAISE(ABORT, 'no'); END");
    expect(store.audit(line(2)).ok).toBe(false);
    database.exec("DROP TRIGGER full; DROP TRIGGER full2");
    valueOrThrow(store.audit(line(3)));
    expect(told.map(({ sequence, detail }) => [sequence, detail])).toEqual([
      [1, "token 1"],
      [2, "token 3"],
    ]);
    expect(told).toEqual(valueOrThrow(store.auditLog.page({ limit: 10 })).entries.toReversed());
  });

  test("cannot be changed or shortened by a statement of our own", () => {
    const database = memory();
    const store = openStore(database);
    valueOrThrow(store.audit(line(1)));
    expect(() => database.exec("UPDATE audit SET actor = 'eve'")).toThrow("never changed");
    expect(() => database.exec("DELETE FROM audit")).toThrow("never removed");
  });

  test("lets its oldest go in steps, says so, and stays verifiable; more than that is found", () => {
    const database = memory();
    const store = openStore(database);
    const write = database.transaction(() => {
      for (let n = 1; n <= 5200; n++) store.auditLog.append(line(n));
    });
    write();
    const { entries } = valueOrThrow(store.auditLog.page({ limit: 10_000 }));
    expect(entries.length).toBe(201);
    expect(entries.find(({ action }) => action === "audit-trimmed")?.detail).toStartWith(
      "entries up to 5000 were let go",
    );
    expect(valueOrThrow(store.auditLog.verify())).toEqual([]);
    database.exec("DROP TRIGGER audit_stays; DELETE FROM audit WHERE id < 5050");
    expect(valueOrThrow(store.auditLog.verify()).map(({ kind }) => kind)).toEqual(["start-cut"]);
  });

  test("a forged note that entries were let go does not hide their removal", () => {
    const { database, store, faults } = tamperable();
    const { entries } = valueOrThrow(store.auditLog.page({ limit: 100 }));
    const detail = `entries up to 5 were let go; the last hashed to ${entries[5]?.hash}`;
    valueOrThrow(store.audit({ ...line(11), action: "audit-trimmed", detail }));
    database.exec("DELETE FROM audit WHERE id <= 5");
    expect(faults()).toEqual(["entry 11 says that entries were let go, although too few were held for that"]);
  });

  test("chains what an earlier version wrote, and goes on from it", () => {
    const database = memory();
    database.exec(`CREATE TABLE audit (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, actor TEXT NOT NULL,
      action TEXT NOT NULL, detail TEXT NOT NULL);
      INSERT INTO audit VALUES (7, 1, 'ada', 'applied', 'revision 1'), (8, 2, 'bob', 'deleted', 'revision 2')`);
    const store = openStore(database);
    openStore(database);
    valueOrThrow(store.audit(line(3)));
    const { entries } = valueOrThrow(store.auditLog.page({ limit: 10 }));
    expect(entries.map(({ sequence, actor, action }) => [sequence, actor, action])).toEqual([
      [4, "ada", "token-created"],
      [3, "server", "audit-chained"],
      [2, "bob", "deleted"],
      [1, "ada", "applied"],
    ]);
    expect(valueOrThrow(store.auditLog.verify())).toEqual([]);
  });

  test("any one changed byte of any field is found", () => {
    const { entries } = valueOrThrow(tamperable().store.auditLog.page({ limit: 100 }));
    const log = entries.toReversed();
    const field = fc.constantFrom("actor", "action", "detail", "previousHash", "hash");
    fc.assert(
      fc.property(fc.nat(9), field, fc.nat(), (index, name, at) => {
        const text = String(log[index]?.[name as "actor"]);
        const place = at % text.length;
        const other = text[place] === "0" ? "1" : "0";
        const entry = { ...log[index], [name]: text.slice(0, place) + other + text.slice(place + 1) } as AuditEntry;
        const changed = log.with(index, entry);
        const heads = [{ sequence: 10, hash: log[9]?.hash ?? "" }];
        expect(checkAuditChain(changed, { hash: sha256Hex, heads, isPart: false, keptMin: 1 })).not.toEqual([]);
      }),
    );
  });
});

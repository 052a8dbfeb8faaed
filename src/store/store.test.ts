import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqlite, type SqliteDatabase } from "#engine/sqlite";
import type { Resource } from "#model";
import { seededRandom } from "../../test/fakes/random.ts";
import { FakeTime } from "../../test/fakes/time.ts";
import { DocumentStore, ResourceStore, refOf } from "./index.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "heddle-store-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function database(path = ":memory:"): SqliteDatabase {
  const opened = openSqlite(path, { durability: "full" });
  if (!opened.ok) throw new Error(opened.problems[0].message);
  return opened.value;
}

function openStore(on: SqliteDatabase = database()): ResourceStore {
  const store = new ResourceStore({ database: on, clock: new FakeTime(), random: seededRandom(1) });
  const opened = store.open();
  if (!opened.ok) throw new Error(opened.problems[0].message);
  return store;
}

function service(name: string, app = name, resourceVersion?: string): Resource {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace: "shop",
      labels: {},
      annotations: {},
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    spec: { selector: { app }, ports: [{ name: "http", port: 80, targetPort: 80, appProtocol: "http" }] },
  };
}

const ADA = { actor: "ada" };
const actions = (store: ResourceStore, resources: readonly Resource[]) => {
  const applied = store.apply(resources, ADA);
  return applied.ok ? applied.value.changes.map(({ action }) => action) : applied.problems[0].code;
};

describe("the store of resources", () => {
  test("numbers steps, not resources, and gives what it added", () => {
    const store = openStore();
    expect(actions(store, [service("a"), service("b")])).toEqual(["created", "created"]);
    expect(store.revision).toBe(1);
    expect(actions(store, [service("a"), service("b", "other")])).toEqual(["unchanged", "updated"]);
    expect(store.revision).toBe(2);
    const b = store.get(refOf(service("b")));
    expect(b?.metadata).toMatchObject({
      resourceVersion: "2",
      generation: 2,
      creationTimestamp: "2023-11-14T22:13:20.000Z",
    });
    expect(b?.metadata.uid).toMatch(/^[0-9a-f]{32}$/);
  });

  test("keeps the same array while nothing changes, and tells when something does", () => {
    const store = openStore();
    let told = 0;
    const cancel = store.onChange(() => told++);
    store.apply([service("a")], ADA);
    const before = store.resources();
    store.apply([service("a")], ADA);
    expect(store.resources()).toBe(before);
    expect(told).toBe(1);
    cancel();
    store.apply([service("b")], ADA);
    expect(told).toBe(1);
  });

  test("refuses a change of what was changed meanwhile, with all that came along", () => {
    const store = openStore();
    store.apply([service("a")], ADA);
    store.apply([service("a", "bob's")], { actor: "bob" });
    expect(actions(store, [service("new"), service("a", "ada's", "1")])).toBe("HDL_STORE_CONFLICT");
    expect(store.get(refOf(service("new")))).toBeUndefined();
    expect(actions(store, [service("a", "ada's", "2")])).toEqual(["updated"]);
    expect(actions(store, [service("gone", "x", "1")])).toBe("HDL_STORE_CONFLICT");
  });

  test("says what would change without changing it", () => {
    const store = openStore();
    const applied = store.apply([service("a")], { actor: "ada", isDryRun: true });
    expect(applied.ok && applied.value.changes[0]?.action).toBe("created");
    expect(store.resources()).toEqual([]);
    expect(store.revision).toBe(0);
  });

  test("deletes all or nothing", () => {
    const store = openStore();
    store.apply([service("a"), service("b")], ADA);
    const missing = store.delete([refOf(service("a")), refOf(service("c"))], ADA);
    expect(missing.ok ? "" : missing.problems[0].code).toBe("HDL_STORE_MISSING");
    expect(store.resources().length).toBe(2);
    expect(store.delete([refOf(service("a"))], ADA).ok).toBe(true);
    expect(store.resources().map(({ metadata }) => metadata.name)).toEqual(["b"]);
  });

  test("remembers who changed what, and what a watcher has missed", () => {
    const store = openStore();
    store.apply([service("a")], ADA);
    store.apply([service("a", "other"), service("b")], { actor: "bob" });
    store.delete([refOf(service("a"))], ADA);
    const history = store.changes({ ref: refOf(service("a")), limit: 10 });
    expect(history.ok && history.value.map(({ revision, actor, action }) => [revision, actor, action])).toEqual([
      [3, "ada", "deleted"],
      [2, "bob", "updated"],
      [1, "ada", "created"],
    ]);
    const missed = store.changes({ afterRevision: 1, limit: 10 });
    expect(missed.ok && missed.value.map(({ revision, ref }) => `${revision} ${ref.name}`)).toEqual([
      "2 a",
      "2 b",
      "3 a",
    ]);
  });

  test("is the same after a restart, with its numbers going on", () => {
    const path = join(directory, "heddle.db");
    const first = database(path);
    const store = openStore(first);
    store.apply([service("a")], ADA);
    store.delete([refOf(service("a"))], ADA);
    store.apply([service("b")], ADA);
    first.close();
    const again = openStore(database(path));
    expect(again.revision).toBe(3);
    expect(again.resources()).toEqual(store.resources());
  });

  test("on a full disk loses nothing and goes on when there is room", () => {
    const on = database(join(directory, "heddle.db"));
    const store = openStore(on);
    store.apply([service("a")], ADA);
    on.exec("PRAGMA max_page_count = 12");
    const many = Array.from({ length: 500 }, (_, index) => service(`s${index}`));
    expect(actions(store, many)).toBe("HDL_ENGINE_DISK_FULL");
    expect(store.resources().map(({ metadata }) => metadata.name)).toEqual(["a"]);
    expect(store.revision).toBe(1);
    on.exec("PRAGMA max_page_count = 100000");
    expect(store.apply(many, ADA).ok).toBe(true);
    expect(store.revision).toBe(2);
  });

  test("tells in the audit trail who changed what, and nothing of what was not changed", () => {
    const store = openStore();
    store.apply([service("a"), service("b")], ADA);
    store.apply([service("a")], ADA);
    store.apply([service("c")], { ...ADA, isDryRun: true });
    store.delete([{ kind: "Service", namespace: "shop", name: "a" }], ADA);
    const page = store.auditLog.page({ limit: 10 });
    expect(page.ok && page.value.entries.map(({ actor, action, detail }) => [actor, action, detail])).toEqual([
      ["ada", "deleted", "revision 2: Service shop/a"],
      ["ada", "applied", "revision 1: Service shop/a created, Service shop/b created"],
    ]);
  });
});

describe("documents", () => {
  test("are put, got, listed, and taken by one only", async () => {
    const documents = new DocumentStore(database());
    await documents.open();
    await documents.put("tokens", "a", { n: 1 });
    await documents.put("tokens", "a", { n: 2 });
    await documents.put("other", "a", { n: 3 });
    expect(await documents.get("tokens", "a")).toEqual({ ok: true, value: { n: 2 } });
    expect(await documents.list("tokens")).toEqual({ ok: true, value: [{ n: 2 }] });
    expect(await documents.take("tokens", "a")).toEqual({ ok: true, value: { n: 2 } });
    expect(await documents.take("tokens", "a")).toEqual({ ok: true, value: undefined });
    expect(await documents.get("other", "b")).toEqual({ ok: true, value: undefined });
  });
});

import { expect, test } from "bun:test";
import { type Result, success, valueOrThrow } from "#model";
import { type JoinTokenRecord, storedJoinTokens, type TokenDocuments } from "./index.ts";

const record: JoinTokenRecord = {
  id: "0123456789abcdef",
  secretHash: "h",
  workloads: [{ namespace: "shop", serviceAccount: "catalog" }],
  createdAtMs: 1,
  expiresAtMs: 2,
  createdBy: "admin",
  use: null,
};
const use = { namespace: "shop", serviceAccount: "catalog", atMs: 1, peerAddress: "10.0.0.9", keyHash: "k" };

/** Holds documents as JSON, as a store does. */
function memoryDocuments(): TokenDocuments {
  const texts = new Map<string, string>();
  const read = (key: string): Result<unknown> => success(texts.has(key) ? JSON.parse(texts.get(key) ?? "") : undefined);
  return {
    put(collection, id, document) {
      texts.set(`${collection}/${id}`, JSON.stringify(document));
      return Promise.resolve(success(undefined));
    },
    get: (collection, id) => Promise.resolve(read(`${collection}/${id}`)),
    take(collection, id) {
      const taken = read(`${collection}/${id}`);
      texts.delete(`${collection}/${id}`);
      return Promise.resolve(taken);
    },
    list(collection) {
      const keys = [...texts.keys()].filter((key) => key.startsWith(`${collection}/`));
      return Promise.resolve(success(keys.map((key) => valueOrThrow(read(key)))));
    },
  };
}

test("a token is found unused, then used, and is used once", async () => {
  const store = storedJoinTokens(memoryDocuments());
  expect(valueOrThrow(await store.find(record.id))).toBeUndefined();
  valueOrThrow(await store.put(record));
  expect(valueOrThrow(await store.find(record.id))).toEqual(record);
  const uses = await Promise.all(Array.from({ length: 5 }, () => store.use(record.id, use)));
  expect(uses.map(valueOrThrow).filter(Boolean)).toHaveLength(1);
  expect(valueOrThrow(await store.find(record.id))).toEqual({ ...record, use });
  expect(valueOrThrow(await store.list())).toEqual([{ ...record, use }]);
});

test("a token is deleted, used or not", async () => {
  const store = storedJoinTokens(memoryDocuments());
  valueOrThrow(await store.put(record));
  expect(valueOrThrow(await store.delete(record.id))).toBe(true);
  valueOrThrow(await store.put(record));
  valueOrThrow(await store.use(record.id, use));
  expect(valueOrThrow(await store.delete(record.id))).toBe(true);
  expect(valueOrThrow(await store.delete(record.id))).toBe(false);
});

test("a damaged document is a failure, not a token", async () => {
  const documents = memoryDocuments();
  const store = storedJoinTokens(documents);
  for (const damaged of [
    {},
    null,
    7,
    { ...record, workloads: [1] },
    { ...record, use: {} },
    { ...record, expiresAtMs: "9" },
  ]) {
    await documents.put("join-tokens", record.id, damaged);
    const found = await store.find(record.id);
    expect(found.ok ? "ok" : found.problems[0].code).toBe("HDL_ATTESTATION_TOKEN_STORE");
  }
});

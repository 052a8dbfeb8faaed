import { failure, problem, type Result, success } from "#model";
import type { JoinTokenRecord, JoinTokenStore, TokenUse } from "./join-tokens.ts";

/** The part of the server's document store that join tokens need. A document is what JSON can hold. */
export interface TokenDocuments {
  put(collection: string, id: string, document: unknown): Promise<Result<void>>;
  /** Undefined when there is none. */
  get(collection: string, id: string): Promise<Result<unknown>>;
  /** Removes and returns it in one transaction, so that of any number of callers one gets it; undefined when there is none. */
  take(collection: string, id: string): Promise<Result<unknown>>;
  list(collection: string): Promise<Result<readonly unknown[]>>;
}

const UNUSED = "join-tokens";
const USED = "used-join-tokens";

/** Keeps join tokens as documents: unused ones in one collection, from which the first user takes them, used ones in another. */
export function storedJoinTokens(documents: TokenDocuments): JoinTokenStore {
  const find = async (collection: string, id: string): Promise<Result<JoinTokenRecord | undefined>> => {
    const stored = await documents.get(collection, id);
    return stored.ok ? parseRecord(stored.value) : stored;
  };
  return {
    put: (record) => documents.put(UNUSED, record.id, record),

    async find(id) {
      const unused = await find(UNUSED, id);
      return unused.ok && unused.value === undefined ? find(USED, id) : unused;
    },

    async use(id, use) {
      const taken = await documents.take(UNUSED, id);
      if (!taken.ok) return taken;
      const record = parseRecord(taken.value);
      if (!record.ok) return record;
      if (record.value === undefined) return success(false);
      const kept = await documents.put(USED, id, { ...record.value, use });
      return kept.ok ? success(true) : kept;
    },

    async list() {
      const unused = await documents.list(UNUSED);
      if (!unused.ok) return unused;
      const used = await documents.list(USED);
      return used.ok ? success([...unused.value, ...used.value].filter(isRecord)) : used;
    },

    async delete(id) {
      let isDeleted = false;
      for (const collection of [UNUSED, USED]) {
        const taken = await documents.take(collection, id);
        if (!taken.ok) return taken;
        isDeleted ||= taken.value !== undefined;
      }
      return success(isDeleted);
    },
  };
}

function parseRecord(document: unknown): Result<JoinTokenRecord | undefined> {
  if (document === undefined) return success(undefined);
  if (isRecord(document)) return success(document);
  return failure(problem("HDL_ATTESTATION_TOKEN_STORE", "A stored join token is damaged."));
}

function isRecord(document: unknown): document is JoinTokenRecord {
  const fields = fieldsOf(document);
  const workloads = fields.get("workloads");
  const use = fields.get("use");
  return (
    hasTexts(fields, ["id", "secretHash", "createdBy"]) &&
    hasNumbers(fields, ["createdAtMs", "expiresAtMs"]) &&
    Array.isArray(workloads) &&
    workloads.every((each) => hasTexts(fieldsOf(each), ["namespace", "serviceAccount"])) &&
    (use === null || isUse(use))
  );
}

function isUse(value: unknown): value is TokenUse {
  const fields = fieldsOf(value);
  return hasTexts(fields, ["namespace", "serviceAccount", "peerAddress", "keyHash"]) && hasNumbers(fields, ["atMs"]);
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

function hasTexts(fields: ReadonlyMap<string, unknown>, names: readonly string[]): boolean {
  return names.every((name) => typeof fields.get(name) === "string");
}

function hasNumbers(fields: ReadonlyMap<string, unknown>, names: readonly string[]): boolean {
  return names.every((name) => typeof fields.get(name) === "number");
}

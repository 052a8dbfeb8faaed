import type { JoinTokenRecord, JoinTokenStore } from "#identity/attestation";
import { success } from "#model";

/** Join tokens in memory. */
export function fakeJoinTokenStore(): JoinTokenStore {
  const records = new Map<string, JoinTokenRecord>();
  return {
    put(record) {
      records.set(record.id, record);
      return Promise.resolve(success(undefined));
    },
    find: (id) => Promise.resolve(success(records.get(id))),
    use(id, use) {
      const record = records.get(id);
      if (record === undefined || record.use !== null) return Promise.resolve(success(false));
      records.set(id, { ...record, use });
      return Promise.resolve(success(true));
    },
    list: () => Promise.resolve(success([...records.values()])),
    delete: (id) => Promise.resolve(success(records.delete(id))),
  };
}

import { type Result, success } from "#model";

/** A document store in memory. */
export function fakeDocuments() {
  const held = new Map<string, unknown>();
  const nameOf = (collection: string, id: string): string => `${collection}/${id}`;
  return {
    async put(collection: string, id: string, document: unknown): Promise<Result<void>> {
      held.set(nameOf(collection, id), document);
      return success(undefined);
    },
    async get(collection: string, id: string): Promise<Result<unknown>> {
      return success(held.get(nameOf(collection, id)));
    },
    async take(collection: string, id: string): Promise<Result<unknown>> {
      const taken = held.get(nameOf(collection, id));
      held.delete(nameOf(collection, id));
      return success(taken);
    },
    async list(collection: string): Promise<Result<readonly unknown[]>> {
      return success([...held].filter(([name]) => name.startsWith(`${collection}/`)).map(([, document]) => document));
    },
  };
}

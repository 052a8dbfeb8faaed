import type { RegistryStore } from "#discovery";
import { failure, problem, type Result, success } from "#model";

/** The part of the server's document store that the registry needs. */
export interface RegistryDocuments {
  put(collection: string, id: string, document: unknown): Promise<Result<void>>;
  /** Undefined when there is none. */
  get(collection: string, id: string): Promise<Result<unknown>>;
}

const COLLECTION = "registry";
const ID = "workloads";

/** Keeps the registry as one document. */
export function storedRegistry(documents: RegistryDocuments): RegistryStore {
  return {
    async load() {
      const found = await documents.get(COLLECTION, ID);
      if (!found.ok) return found;
      if (found.value === undefined) return success(undefined);
      const { text } = found.value as { readonly text?: unknown };
      if (typeof text === "string") return success(text);
      return failure(problem("HDL_INTERNAL", `The document ${COLLECTION}/${ID} is not the registry's.`));
    },
    save: (text) => documents.put(COLLECTION, ID, { text }),
  };
}

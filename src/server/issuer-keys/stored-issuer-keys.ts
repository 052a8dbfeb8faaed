import { problem, type Result, success } from "#model";
import type { KeptKeys, KeptKeysStore } from "./issuer-keys.ts";

/** The part of the server's document store that keys need. */
export interface KeyDocuments {
  put(collection: string, id: string, document: unknown): Promise<Result<void>>;
  /** Undefined when there is none. */
  get(collection: string, id: string): Promise<Result<unknown>>;
}

const COLLECTION = "issuer-keys";
const ID = "fetched";

/** Keeps the public keys of all issuers as one document. */
export function storedIssuerKeys(documents: KeyDocuments): KeptKeysStore {
  return {
    async load() {
      const found = await documents.get(COLLECTION, ID);
      if (!found.ok) return found;
      if (found.value === undefined) return success({});
      const { sets } = found.value as { readonly sets?: unknown };
      if (typeof sets === "object" && sets !== null) return success(sets as KeptKeys);
      return { ok: false, problems: [problem("HDL_INTERNAL", `The document ${COLLECTION}/${ID} holds no keys.`)] };
    },
    save: (sets) => documents.put(COLLECTION, ID, { sets }),
  };
}

import { problem, type Result, success } from "#model";
import type { WorkloadName } from "../join-tokens.ts";

/** The part of the server's document store that this needs. */
export interface BarDocuments {
  put(collection: string, id: string, document: unknown): Promise<Result<void>>;
  /** Undefined when there is none. */
  get(collection: string, id: string): Promise<Result<unknown>>;
  take(collection: string, id: string): Promise<Result<unknown>>;
}

const COLLECTION = "barred-nodes";

/**
 * Whom nothing that a node proves lets in any more, because he was revoked: a workload with all its replicas, or one of them. An administrator's
 * join token lifts it. Kept for good: a revocation is forgotten with what it speaks of, and the node can still prove the same.
 */
export class BarredNodes {
  readonly #documents: BarDocuments;

  constructor(documents: BarDocuments) {
    this.#documents = documents;
  }

  bar(who: WorkloadName, instance: string | undefined): Promise<Result<void>> {
    return this.#documents.put(COLLECTION, idOf(who, instance), { barred: true });
  }

  /** Fails with `HDL_ATTESTATION_BARRED`, or where the store cannot tell. */
  async admit(who: WorkloadName, instance: string): Promise<Result<void>> {
    for (const each of [undefined, instance]) {
      const held = await this.#documents.get(COLLECTION, idOf(who, each));
      if (!held.ok) return held;
      if (held.value !== undefined) return { ok: false, problems: [problem("HDL_ATTESTATION_BARRED", barred(who))] };
    }
    return success(undefined);
  }

  async lift(who: WorkloadName, instance: string): Promise<Result<void>> {
    for (const each of [undefined, instance]) {
      const taken = await this.#documents.take(COLLECTION, idOf(who, each));
      if (!taken.ok) return taken;
    }
    return success(undefined);
  }
}

/** Labels hold no slash; a workload as a whole has no third part. */
function idOf({ namespace, serviceAccount }: WorkloadName, instance: string | undefined): string {
  return [namespace, serviceAccount, ...(instance === undefined ? [] : [instance])].join("/");
}

function barred({ namespace, serviceAccount }: WorkloadName): string {
  return `${namespace}/${serviceAccount} was revoked: only a join token lets it come back.`;
}

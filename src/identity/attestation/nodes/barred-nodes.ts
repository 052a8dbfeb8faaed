import { failure, problem, type Result, success } from "#model";
import type { WorkloadName } from "../join-tokens.ts";

/** The part of the server's document store that this needs. */
export interface BarDocuments {
  put(collection: string, id: string, document: unknown): Promise<Result<void>>;
  /** Undefined when there is none. */
  get(collection: string, id: string): Promise<Result<unknown>>;
  take(collection: string, id: string): Promise<Result<unknown>>;
}

const COLLECTION = "barred-nodes";

/** Of one replica: the nodes that it joined by. A replica names itself, so that only they keep it out. */
interface Bar {
  readonly nodes?: readonly string[];
}

/**
 * Whom nothing that a node proves lets in any more, because he was revoked: a workload with all its replicas, or one of them and the node that it
 * joined by. An administrator's join token lifts it. Kept for good: a revocation is forgotten with what it speaks of, and the node can still
 * prove the same.
 */
export class BarredNodes {
  readonly #documents: BarDocuments;

  constructor(documents: BarDocuments) {
    this.#documents = documents;
  }

  /** `nodes`: by their labels, those that the replica joined by. */
  async bar(who: WorkloadName, instance: string | undefined, nodes: readonly string[]): Promise<Result<void>> {
    const bars: readonly (readonly [string, Bar])[] = [
      [idOf(who, instance), { nodes }],
      ...nodes.map((node) => [idOf(who, node), {}] as const),
    ];
    for (const [id, bar] of bars) {
      const put = await this.#documents.put(COLLECTION, id, bar);
      if (!put.ok) return put;
    }
    return success(undefined);
  }

  /** Fails with `HDL_ATTESTATION_BARRED`, or where the store cannot tell. */
  async admit(
    who: WorkloadName,
    { instance, node }: { readonly instance: string; readonly node: string },
  ): Promise<Result<void>> {
    for (const each of [undefined, instance, node]) {
      const held = await this.#documents.get(COLLECTION, idOf(who, each));
      if (!held.ok) return held;
      if (held.value !== undefined) return failure(problem("HDL_ATTESTATION_BARRED", barred(who)));
    }
    return success(undefined);
  }

  /** For the replica and the nodes that it was barred with, and for the workload. */
  async lift(who: WorkloadName, instance: string): Promise<Result<void>> {
    const ids = [idOf(who, undefined), idOf(who, instance)];
    for (const id of ids) {
      const taken = await this.#documents.take(COLLECTION, id);
      if (!taken.ok) return taken;
      const { nodes = [] } = (taken.value ?? {}) as Bar;
      if (id === idOf(who, instance)) ids.push(...nodes.map((node) => idOf(who, node)));
    }
    return success(undefined);
  }
}

/** Labels hold no slash and no space, and names of nodes hold a space; a workload as a whole has no third part. */
function idOf({ namespace, serviceAccount }: WorkloadName, part: string | undefined): string {
  return [namespace, serviceAccount, ...(part === undefined ? [] : [part])].join("/");
}

function barred({ namespace, serviceAccount }: WorkloadName): string {
  return `${namespace}/${serviceAccount} was revoked: only a join token lets it come back.`;
}

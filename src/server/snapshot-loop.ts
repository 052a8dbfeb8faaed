import type { Cancel, Timers } from "#engine/time";
import type { TrustDomain } from "#identity";
import { emptySnapshot, type MeshInputs, type MeshSnapshot, nextSnapshot } from "#mesh";

export interface SnapshotLoopOptions {
  readonly trustDomain: TrustDomain;
  /** What is true now. Parts that did not change should be the same objects as before. */
  readonly inputs: () => MeshInputs;
  readonly timers: Pick<Timers, "after">;
  readonly publish: (snapshot: MeshSnapshot) => void;
}

/** Changes that come together make one snapshot; a withdrawn endpoint waits no longer than this. */
const COALESCE_MS = 10;

/** Makes the next snapshot after changes, and publishes it when it differs from the last. */
export class SnapshotLoop {
  readonly #options: SnapshotLoopOptions;
  #snapshot: MeshSnapshot;
  #cancel: Cancel | undefined;

  constructor(options: SnapshotLoopOptions) {
    this.#options = options;
    this.#snapshot = emptySnapshot(options.trustDomain);
  }

  get snapshot(): MeshSnapshot {
    return this.#snapshot;
  }

  /** To be called after any change of the inputs. */
  touch(): void {
    this.#cancel ??= this.#options.timers.after(COALESCE_MS, () => {
      this.#cancel = undefined;
      this.refresh();
    });
  }

  /** Looks at the inputs now. */
  refresh(): void {
    const next = nextSnapshot(this.#snapshot, this.#options.inputs());
    const isChanged = next.revision !== this.#snapshot.revision;
    this.#snapshot = next;
    if (isChanged) this.#options.publish(next);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

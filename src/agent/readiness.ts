/** What an agent still waits for. It is ready when nothing is left; the admin endpoint lists the rest by name. */
export type ReadinessTask = "certificate" | "configuration" | "listeners";

export class Readiness {
  readonly #missing: Set<ReadinessTask>;
  readonly #waiters: (() => void)[] = [];

  constructor(tasks: readonly ReadinessTask[]) {
    this.#missing = new Set(tasks);
  }

  get isReady(): boolean {
    return this.#missing.size === 0;
  }

  get missing(): readonly ReadinessTask[] {
    return [...this.#missing];
  }

  complete(task: ReadinessTask): void {
    this.#missing.delete(task);
    if (this.isReady) for (const resume of this.#waiters.splice(0)) resume();
  }

  /** Resolves once nothing is missing. */
  whenReady(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    return new Promise((resume) => this.#waiters.push(resume));
  }
}

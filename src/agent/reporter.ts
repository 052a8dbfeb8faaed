/** Carries telemetry batches to the server, in order, and keeps a bounded number of them while it is away. */
import type { Cancel, Timers } from "#engine/time";
import type { Result } from "#model";

export interface ReporterOptions<Batch> {
  /** Takes what was recorded since the last call; undefined when nothing was. */
  readonly take: () => Batch | undefined;
  /** Sends one batch; `sequence` rises by one a batch, so that a repeated one is counted once. */
  readonly send: (sequence: number, batch: Batch) => Promise<Result<void>>;
  readonly timers: Timers;
}

const INTERVAL_MS = 1000;
/** Two minutes of an outage. Older batches are dropped first, and counted. */
const QUEUED_BATCHES_MAX = 120;

export class Reporter<Batch> {
  readonly #options: ReporterOptions<Batch>;
  readonly #queue: { readonly sequence: number; readonly batch: Batch }[] = [];
  #sequence = 0;
  #dropped = 0;
  #sending: Promise<void> | undefined;
  #cancel: Cancel | undefined;

  constructor(options: ReporterOptions<Batch>) {
    this.#options = options;
  }

  /** Batches lost because the server was away for longer than the queue holds. */
  get dropped(): number {
    return this.#dropped;
  }

  get queued(): number {
    return this.#queue.length;
  }

  start(): void {
    this.#cancel = this.#options.timers.every(INTERVAL_MS, () => {
      this.#collect();
      this.#sending ??= this.#sendQueued().finally(() => {
        this.#sending = undefined;
      });
    });
  }

  /** Sends what is left, once, and stops. */
  async stop(): Promise<void> {
    this.#cancel?.();
    await this.#sending;
    this.#collect();
    await this.#sendQueued();
  }

  #collect(): void {
    const batch = this.#options.take();
    if (batch === undefined) return;
    this.#sequence++;
    this.#queue.push({ sequence: this.#sequence, batch });
    if (this.#queue.length <= QUEUED_BATCHES_MAX) return;
    this.#queue.shift();
    this.#dropped++;
  }

  async #sendQueued(): Promise<void> {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const outcome = await this.#options.send(next.sequence, next.batch);
      if (!outcome.ok) return;
      // The queue may have dropped it meanwhile.
      if (this.#queue[0] === next) this.#queue.shift();
    }
  }
}

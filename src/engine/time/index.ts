/** The only door to clocks and timers, so that every wait can be driven by a test. */

export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump when the host's clock is set. */
  nowMs(): number;
  /** Microseconds since the epoch that never run backwards inside one process: for durations and for stamps that two sides compare. */
  nowUs(): number;
}

/** Stops what it was returned for; calling it again does nothing. */
export type Cancel = () => void;

export interface Timers {
  after(ms: number, run: () => void): Cancel;
  every(ms: number, run: () => void): Cancel;
  /** Runs at the end of this turn of the event loop, after all input that is ready has been read. */
  soon(run: () => void): void;
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const ORIGIN_MS = performance.timeOrigin;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  nowUs: () => (ORIGIN_MS + performance.now()) * 1000,
};

export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  every(ms, run) {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
  soon(run) {
    setImmediate(run);
  },
  sleep(ms, signal) {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted === true) return Promise.resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    return promise;
  },
};

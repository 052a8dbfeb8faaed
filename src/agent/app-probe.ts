/** Watches whether the program behind the agent answers, so that it is given traffic only while it does. */
import { canConnect, httpStatus, isGrpcServing } from "#engine/probe";
import type { Cancel, Timers } from "#engine/time";
import type { AgentBootstrap } from "./bootstrap.ts";

type App = NonNullable<AgentBootstrap["app"]>;

/** One attempt; false or a rejection is a failure. It must end by itself within `timeoutMs`. */
export type Probe = (timeoutMs: number) => Promise<boolean>;

export interface AppProbeOptions {
  readonly probe: Probe;
  readonly timers: Timers;
  readonly onChange: (isReady: boolean) => void;
}

/** Before the first answer the app is starting and every moment counts; afterwards a second is often enough. */
const STARTING_INTERVAL_MS = 100;
const STEADY_INTERVAL_MS = 1000;
const TIMEOUT_MS = 1000;
/** One missed answer may be a busy loop; two in a row take the workload out. */
const FAILURES_UNTIL_UNREADY = 2;

export class AppProbe {
  readonly #options: AppProbeOptions;
  #isReady = false;
  #failures = 0;
  #cancel: Cancel | undefined;
  #isStopped = false;

  constructor(options: AppProbeOptions) {
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  start(): void {
    void this.#attempt();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async #attempt(): Promise<void> {
    const answered = await this.#options.probe(TIMEOUT_MS).catch(() => false);
    if (this.#isStopped) return;
    this.#failures = answered ? 0 : this.#failures + 1;
    if (answered) this.#become(true);
    else if (this.#failures >= FAILURES_UNTIL_UNREADY) this.#become(false);
    const intervalMs = this.#isReady ? STEADY_INTERVAL_MS : STARTING_INTERVAL_MS;
    this.#cancel = this.#options.timers.after(intervalMs, () => void this.#attempt());
  }

  #become(isReady: boolean): void {
    if (this.#isReady === isReady) return;
    this.#isReady = isReady;
    this.#options.onChange(isReady);
  }
}

/** Answers with any status below 500 to a GET. */
export function httpProbe({ address, port, tls }: Pick<App, "address" | "port" | "tls">, path: string): Probe {
  const url = `${tls === undefined ? "http" : "https"}://${address.includes(":") ? `[${address}]` : address}:${port}${path}`;
  return async (timeoutMs) => {
    const status = await httpStatus(url, timeoutMs);
    return status !== undefined && status < 500;
  };
}

/** How the app of a bootstrap document is asked. */
export function probeOf(app: App): Probe {
  const { address, port, readinessPath, readinessGrpc, tls } = app;
  if (readinessPath !== undefined) return httpProbe(app, readinessPath);
  if (readinessGrpc === undefined) return (timeoutMs) => canConnect(address, port, timeoutMs);
  return (timeoutMs) => isGrpcServing(address, port, { service: readinessGrpc, timeoutMs, isTls: tls !== undefined });
}

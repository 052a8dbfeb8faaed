import type { Line, ProcessExit, RunningProcess } from "#engine/processes";
import type { Random } from "#engine/random";
import type { Clock, Timers } from "#engine/time";
import { type Problem, problem, type Result } from "#model";
import type { Readiness, UnitPlan } from "./plan.ts";

export type UnitState = "waiting" | "starting" | "ready" | "backing-off" | "stopping" | "stopped";

export interface UnitEvent {
  readonly unit: UnitPlan;
  readonly kind: "state" | "line" | "note";
  readonly state: UnitState;
  /** The line, or what there is to say about the new state. */
  readonly text: string;
}

/** What a unit needs from its surroundings. */
export interface UnitHost {
  launch(unit: UnitPlan, onLine: (line: Line) => void): Promise<Result<RunningProcess>>;
  probe(readiness: Readiness, timeoutMs: number): Promise<boolean>;
  report(event: UnitEvent): void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

const PROBE_TIMEOUT_MS = 1000;
const PROBE_INTERVAL_MS = 100;
const BACK_OFF_BASE_MS = 500;
const BACK_OFF_MAX_MS = 30_000;
/** A process that held for this long begins again with the shortest wait. */
const STEADY_MS = 20_000;
/** A program that never once became ready is given up after ending so often. */
const FIRST_ENDS_MAX = 3;
const LINES_KEPT = 50;
const LINES_TOLD = 12;
const STOP_GRACE_MS: Readonly<Record<UnitPlan["kind"], number>> = { app: 8000, agent: 5000, server: 8000 };
const HURRIED_GRACE_MS = 200;

export function backOffMs(failures: number, chance: number): number {
  const wait = Math.min(BACK_OFF_BASE_MS * 2 ** Math.min(failures - 1, 10), BACK_OFF_MAX_MS);
  return wait * (0.8 + 0.4 * chance);
}

export function describeExit(exit: ProcessExit): string {
  return exit.kind === "status" ? `ended with status ${exit.status}` : `was ended by ${exit.signal}`;
}

function describeReadiness(readiness: Readiness): string {
  if (readiness.kind === "http") return `GET ${readiness.url}`;
  const place = `${readiness.address}:${readiness.port}`;
  return readiness.kind === "connect" ? `connecting to ${place}` : `gRPC's health check on ${place}`;
}

/** Keeps one process running: starts it, waits until it is ready, starts it again with growing waits when it ends. */
export class Unit {
  readonly plan: UnitPlan;
  /** Resolves when the unit was ready for the first time, or with what kept it from that. */
  readonly firstReady: Promise<Problem | undefined>;
  readonly #host: UnitHost;
  readonly #stopping = new AbortController();
  readonly #lines: string[] = [];
  #tellFirstReady: (problem: Problem | undefined) => void = () => {};
  #state: UnitState = "waiting";
  #process: RunningProcess | undefined;
  #running: Promise<void> | undefined;
  #wasReady = false;
  #failures = 0;
  #starts = 0;
  #isHurried = false;

  constructor(plan: UnitPlan, host: UnitHost) {
    this.plan = plan;
    this.#host = host;
    this.firstReady = new Promise((resolve) => {
      this.#tellFirstReady = resolve;
    });
  }

  get state(): UnitState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** How often the process was started again. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  start(): void {
    this.#running ??= this.#keepRunning();
  }

  /** Ends the process for good; resolves when it and all that it started are gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#tellFirstReady(undefined);
    const running = this.#process;
    if (running !== undefined) {
      this.#become("stopping", "");
      await running.stop(this.#isHurried ? HURRIED_GRACE_MS : STOP_GRACE_MS[this.plan.kind]);
    }
    await this.#running;
    if (this.#state !== "stopped") this.#become("stopped", "");
  }

  /** Leaves no more time for an orderly end. */
  hurry(): void {
    this.#isHurried = true;
    if (this.#stopping.signal.aborted) this.#process?.signal("SIGKILL");
  }

  async #keepRunning(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const startedMs = this.#host.clock.nowMs();
      const reason = await this.#runOnce(startedMs);
      if (signal.aborted) return;
      if (this.#host.clock.nowMs() - startedMs >= STEADY_MS) this.#failures = 0;
      this.#failures += 1;
      if (!this.#wasReady && this.#failures >= FIRST_ENDS_MAX) {
        this.#become("stopped", reason);
        this.#tellFirstReady(this.#neverReady(reason));
        return;
      }
      const waitMs = backOffMs(this.#failures, this.#host.random.next());
      this.#become("backing-off", `${reason}; starting again in ${(waitMs / 1000).toFixed(1)} s`);
      await this.#host.timers.sleep(waitMs, signal);
    }
  }

  /** Starts the process and resolves when it has ended, with the reason. */
  async #runOnce(startedMs: number): Promise<string> {
    this.#become("starting", "");
    const launched = await this.#host.launch(this.plan, (line) => this.#onLine(line));
    if (!launched.ok) {
      this.#keepLine(launched.problems[0].message);
      return launched.problems[0].message;
    }
    this.#starts += 1;
    this.#process = launched.value;
    if (this.#stopping.signal.aborted) void launched.value.stop(HURRIED_GRACE_MS);
    let hasEnded = false;
    const exited = launched.value.exited.then((exit) => {
      hasEnded = true;
      return exit;
    });
    await this.#becomeReady(startedMs, () => hasEnded);
    const exit = await exited;
    this.#process = undefined;
    return describeExit(exit);
  }

  async #becomeReady(startedMs: number, hasEnded: () => boolean): Promise<void> {
    const { clock, timers, probe } = this.#host;
    const isOver = (): boolean => hasEnded() || this.#stopping.signal.aborted;
    while (!isOver()) {
      const isReady = await probe(this.plan.readiness, PROBE_TIMEOUT_MS).catch(() => false);
      if (isOver()) return;
      const elapsedMs = clock.nowMs() - startedMs;
      if (isReady) return this.#onReady(elapsedMs);
      if (elapsedMs >= this.plan.readyWithinMs) return this.#onLate(elapsedMs);
      await timers.sleep(PROBE_INTERVAL_MS, this.#stopping.signal);
    }
  }

  #onReady(elapsedMs: number): void {
    this.#wasReady = true;
    this.#become("ready", `after ${(elapsedMs / 1000).toFixed(1)} s`);
    this.#tellFirstReady(undefined);
  }

  #onLate(elapsedMs: number): void {
    const reason = `was not ready after ${(elapsedMs / 1000).toFixed(0)} s`;
    if (!this.#wasReady) this.#tellFirstReady(this.#neverReady(reason));
    else this.#host.report({ unit: this.plan, kind: "note", state: this.#state, text: `${reason}; starting it again` });
    void this.#process?.stop(STOP_GRACE_MS[this.plan.kind]);
  }

  #neverReady(reason: string): Problem {
    const { id, kind, command, readiness } = this.plan;
    const told = this.#lines.slice(-LINES_TOLD).map((line) => `    │ ${line}`);
    const log = told.length === 0 ? "  It wrote nothing." : `  Its last lines:\n${told.join("\n")}`;
    const check =
      kind === "app"
        ? `Run \`${command.join(" ")}\` by itself; it must answer ${describeReadiness(readiness)}: listen on the PORT and HOST of its environment, or correct \`readiness\`.`
        : `Probed by ${describeReadiness(readiness)}. Try again with \`--verbose\`, which shows all that it logs.`;
    return problem("HDL_SUPERVISOR_NOT_READY", `${id} ${reason}\n${log}`, { next: check });
  }

  #onLine(line: Line): void {
    this.#keepLine(line.text);
    this.#host.report({ unit: this.plan, kind: "line", state: this.#state, text: line.text });
  }

  #keepLine(text: string): void {
    this.#lines.push(text);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
  }

  #become(state: UnitState, text: string): void {
    this.#state = state;
    this.#host.report({ unit: this.plan, kind: "state", state, text });
  }
}

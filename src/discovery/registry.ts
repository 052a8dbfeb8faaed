import type { Cancel, Clock, Timers } from "#engine/time";
import { namespaceOf, type SpiffeId } from "#identity";
import { failure, type Problem, problem, type Result, success, type WorkloadKey } from "#model";
import {
  type AnnouncedWorkload,
  type Announcement,
  announcedWorkload,
  decodeWorkloads,
  encodeWorkloads,
  isSameEndpoint,
} from "./announcement.ts";

/** Where the registry is kept over a restart of the server. */
export interface RegistryStore {
  /** Undefined when nothing is kept. */
  load(): Promise<Result<string | undefined>>;
  save(text: string): Promise<Result<void>>;
}

export interface WorkloadRegistryOptions {
  readonly store: RegistryStore;
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "after" | "every">;
  /** Told whenever the endpoints that are given out changed. */
  readonly onChange: () => void;
  readonly onProblem: (problem: Problem) => void;
  /** How long an announcement holds, milliseconds. Agents renew at a third of it. Default 9 s. */
  readonly leaseMs?: number;
}

/**
 * `live`: its agent keeps announcing it. `restored`: known from before a restart, its agent has not come back yet. `stale`: its lease
 * ran out; it is shown, but no endpoint any more.
 */
export type EntryState = "live" | "restored" | "stale";

export interface RegistryEntry {
  readonly workload: AnnouncedWorkload;
  readonly state: EntryState;
  readonly announcedAtMs: number;
  /** How often the certificate that it serves was seen to be newer. */
  readonly rotations: number;
}

interface Held extends RegistryEntry {
  readonly leaseUntilMs: number;
}

const LEASE_MS = 9000;
/** After a restart agents come back with growing waits. */
const RESTORED_LEASE_MS = 45_000;
/** How long a stale entry is still shown. */
const STALE_MS = 600_000;
const SWEEP_EVERY_MS = 500;
/** A gap between sweeps that long is the server's own sleep, not the agents' silence. */
const SLEPT_MS = 5000;
const SAVE_DELAY_MS = 250;
const ENTRIES_MAX = 20_000;
const ENTRIES_PER_ACCOUNT_MAX = 2000;

/** The workloads that agents announced, each for as long as its lease is renewed. */
export class WorkloadRegistry {
  readonly #options: WorkloadRegistryOptions;
  readonly #entries = new Map<WorkloadKey, Held>();
  #given: ReadonlyMap<WorkloadKey, AnnouncedWorkload> = new Map();
  #cancels: Cancel[] = [];
  #cancelSave: Cancel | undefined;
  #saving: Promise<void> = Promise.resolve();
  #sweptAtMs = 0;

  constructor(options: WorkloadRegistryOptions) {
    this.#options = options;
  }

  /** Restores what was known before a restart, each with a fresh lease, and begins to let leases run out. */
  async start(): Promise<Result<void>> {
    const { store, clock, timers } = this.#options;
    const text = await store.load();
    if (!text.ok) return text;
    const nowMs = clock.nowMs();
    for (const workload of decodeWorkloads(text.value ?? "").slice(0, ENTRIES_MAX)) {
      const leaseUntilMs = nowMs + RESTORED_LEASE_MS;
      this.#entries.set(workload.key, {
        workload,
        state: "restored",
        announcedAtMs: nowMs,
        rotations: 0,
        leaseUntilMs,
      });
    }
    this.#sweptAtMs = nowMs;
    this.#give();
    this.#cancels = [timers.every(SWEEP_EVERY_MS, () => this.#sweep())];
    return success(undefined);
  }

  /** Writes what is known, for the next start. */
  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
    this.#cancelSave?.();
    this.#save();
    await this.#saving;
  }

  /** Every workload known, stale ones too, by name. */
  get entries(): readonly RegistryEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.workload.key < b.workload.key ? -1 : 1));
  }

  /** The workloads whose lease holds. The same object until one of their endpoints changes. */
  get workloads(): ReadonlyMap<WorkloadKey, AnnouncedWorkload> {
    return this.#given;
  }

  /**
   * Registers or renews. `announcer` must come from a validated certificate. Returns the life of the lease, milliseconds; fails
   * with `HDL_DISCOVERY_ANNOUNCEMENT`, `HDL_DISCOVERY_INSTANCE_TAKEN` or `HDL_DISCOVERY_TOO_MANY`.
   */
  announce(announcement: Announcement, announcer: SpiffeId): Result<number> {
    const announced = announcedWorkload(announcement, announcer);
    if (!announced.ok) return announced;
    const workload = announced.value;
    const held = this.#entries.get(workload.key);
    if (held === undefined && this.#isFull(workload))
      return failure(problem("HDL_DISCOVERY_TOO_MANY", `There is no room to announce ${workload.key}.`));
    if (held !== undefined && held.state !== "stale" && held.workload.spiffeId.uri !== announcer.uri)
      return failure(
        problem("HDL_DISCOVERY_INSTANCE_TAKEN", `${workload.key} was announced by ${held.workload.spiffeId.uri}.`),
      );
    const { clock, leaseMs = LEASE_MS } = this.#options;
    const nowMs = clock.nowMs();
    const isRotated = (held?.workload.servedSvidNotAfterMs ?? Infinity) < workload.servedSvidNotAfterMs;
    const isFirstServed = (held?.workload.servedSvidNotAfterMs ?? 0) === 0;
    const rotations = (held?.rotations ?? 0) + (isRotated && !isFirstServed ? 1 : 0);
    const leaseUntilMs = nowMs + leaseMs;
    this.#entries.set(workload.key, { workload, state: "live", announcedAtMs: nowMs, rotations, leaseUntilMs });
    const isChanged = held === undefined || held.state === "stale" || !isSameEndpoint(held.workload, workload);
    if (isChanged) this.#changed();
    return success(leaseMs);
  }

  /** Takes the endpoint away at once. Another's instance is left alone. */
  withdraw(instance: string, announcer: SpiffeId): void {
    const key: WorkloadKey = `${namespaceOf(announcer) ?? ""}/${instance}`;
    if (this.#entries.get(key)?.workload.spiffeId.uri !== announcer.uri) return;
    this.#entries.delete(key);
    this.#changed();
  }

  /** Takes away the endpoints of workloads that are not trusted any more. */
  expel(isUnwanted: (workload: AnnouncedWorkload) => boolean): void {
    const unwanted = [...this.#entries.values()].filter(({ workload }) => isUnwanted(workload));
    for (const { workload } of unwanted) this.#entries.delete(workload.key);
    if (unwanted.length > 0) this.#changed();
  }

  #isFull({ spiffeId }: AnnouncedWorkload): boolean {
    if (this.#entries.size >= ENTRIES_MAX) return true;
    let count = 0;
    for (const { workload } of this.#entries.values()) if (workload.spiffeId.uri === spiffeId.uri) count++;
    return count >= ENTRIES_PER_ACCOUNT_MAX;
  }

  #sweep(): void {
    const nowMs = this.#options.clock.nowMs();
    const gapMs = nowMs - this.#sweptAtMs;
    this.#sweptAtMs = nowMs;
    const sleptMs = gapMs > SLEPT_MS || gapMs < 0 ? gapMs : 0;
    let isChanged = false;
    for (const [key, held] of this.#entries) {
      const leaseUntilMs = held.leaseUntilMs + sleptMs;
      if (sleptMs !== 0) this.#entries.set(key, { ...held, leaseUntilMs });
      if (nowMs <= leaseUntilMs) continue;
      if (held.state !== "stale") {
        this.#entries.set(key, { ...held, state: "stale", leaseUntilMs: nowMs + STALE_MS });
        isChanged = true;
      } else this.#entries.delete(key);
    }
    if (isChanged) this.#changed();
  }

  #changed(): void {
    this.#give();
    this.#options.onChange();
    this.#cancelSave ??= this.#options.timers.after(SAVE_DELAY_MS, () => this.#save());
  }

  #give(): void {
    const holding = [...this.#entries].filter(([, { state }]) => state !== "stale");
    this.#given = new Map(holding.map(([key, { workload }]) => [key, workload]));
  }

  #save(): void {
    this.#cancelSave = undefined;
    const text = encodeWorkloads([...this.#given.values()]);
    this.#saving = this.#saving.then(async () => {
      const saved = await this.#options.store.save(text);
      if (!saved.ok) this.#options.onProblem(saved.problems[0]);
    });
  }
}

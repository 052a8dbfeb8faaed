/** Takes a rotation of the authority's keys from step to step, each when every member of the trust domain is ready for it. */
import type { Cancel, Clock, Timers } from "#engine/time";
import { type Authority, type RotationPhase, type RotationStep, rotationPhase } from "#identity/authority";
import { type Failure, failure, problem, type Result, type WorkloadKey } from "#model";
import { type MemberReport, type Members, membersOf } from "./members.ts";
import type { SvidLedger } from "./svid-ledger.ts";

/** What is rotated: the key that signs SVIDs, or the root above it too. */
export type RotationTarget = "issuing" | "root";

export interface KeyRotationOptions {
  readonly authority: Authority;
  readonly ledger: SvidLedger;
  /** What agents that are heard from last said. */
  readonly reports: () => ReadonlyMap<WorkloadKey, MemberReport>;
  /** How long a new key must have been published before it signs, for readers that confirm nothing, milliseconds. */
  readonly publishedMs: () => number;
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "every">;
  /** Runs one change of the authority after the other. */
  readonly serially: <T>(step: () => Promise<T>) => Promise<T>;
  readonly onStep: (step: RotationStep) => void;
  readonly onFailure: (failed: Failure) => void;
}

export interface RotationProgress extends Members {
  readonly phase: RotationPhase;
  /** Whether other trust domains have had the time to learn of a new key. */
  readonly isPublished: boolean;
}

const LOOK_MS = 500;

export class KeyRotation {
  readonly #options: KeyRotationOptions;
  #cancel: Cancel | undefined;
  #isLooking = false;
  #isFailing = false;

  constructor(options: KeyRotationOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#options.timers.every(LOOK_MS, () => void this.#look());
  }

  stop(): void {
    this.#cancel?.();
  }

  get progress(): RotationProgress {
    const { authority, ledger, reports } = this.#options;
    const prepared = authority.slots.findLast(({ status }) => status === "prepared");
    const ageMs = this.#options.clock.nowMs() - (prepared?.sinceMs ?? Number.NEGATIVE_INFINITY);
    const members = membersOf({
      holders: ledger.holders,
      reports: reports(),
      bundleSequence: authority.bundle.sequence,
      activeIssuer: authority.slots.find(({ status }) => status === "active")?.id ?? "",
    });
    const isPublished = ageMs >= this.#options.publishedMs();
    const isConfirmedByAll = members.isConfirmedByAll && isPublished;
    return { ...members, isConfirmedByAll, isPublished, phase: rotationPhase(authority) };
  }

  /** Begins one; it goes on by itself. Fails with `HDL_AUTHORITY_ROTATING`, or a code of `Authority.prepare`. */
  begin(target: RotationTarget): Promise<Result<string>> {
    const { authority, serially } = this.#options;
    return serially(async () => {
      if (rotationPhase(authority) !== "settled")
        return failure(problem("HDL_AUTHORITY_ROTATING", "A rotation of the authority's keys is under way."));
      return target === "root" ? authority.prepareRoot() : authority.prepare();
    });
  }

  /** The next step without waiting for who has not confirmed it; they will be refused by their peers until they catch up. */
  async force(): Promise<Result<RotationStep | undefined>> {
    const { authority, serially } = this.#options;
    const taken = await serially(() => authority.advance({ isConfirmedByAll: true, issuersInUse: new Set() }));
    if (taken.ok && taken.value !== undefined) this.#options.onStep(taken.value);
    return taken;
  }

  async #look(): Promise<void> {
    const { authority, serially, onStep, onFailure } = this.#options;
    if (this.#isLooking || rotationPhase(authority) === "settled") return;
    this.#isLooking = true;
    const taken = await serially(() => authority.advance(this.progress));
    this.#isLooking = false;
    if (taken.ok && taken.value !== undefined) onStep(taken.value);
    if (!taken.ok && !this.#isFailing) onFailure(taken);
    this.#isFailing = !taken.ok;
  }
}

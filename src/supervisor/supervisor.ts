import type { Problem } from "#model";
import type { UnitPlan } from "./plan.ts";
import { Unit, type UnitHost } from "./unit.ts";

export interface SupervisorOptions {
  readonly units: readonly UnitPlan[];
  readonly host: UnitHost;
  /** Runs once a unit was ready for the first time and before those that wait for it are started. */
  readonly afterReady: (unit: UnitPlan) => Promise<Problem | undefined>;
  /** How many units may be on their way to ready at one time: starting all at once makes each of them late. */
  readonly startingMax: number;
}

/** Starts units when those before them are ready, keeps them running, and stops them in the reverse order. */
export class Supervisor {
  readonly units: readonly Unit[];
  readonly #options: SupervisorOptions;
  readonly #byId: ReadonlyMap<string, Unit>;
  readonly #settled = new Map<string, Promise<Problem | undefined>>();
  readonly #waiters: (() => void)[] = [];
  #starting = 0;
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.units = options.units.map((plan) => new Unit(plan, options.host));
    this.#byId = new Map(this.units.map((unit) => [unit.plan.id, unit]));
  }

  unit(id: string): Unit | undefined {
    return this.#byId.get(id);
  }

  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** Resolves when every unit was ready once, or at the first that cannot be, with its problem. */
  async start(): Promise<Problem | undefined> {
    const failed = new Promise<Problem>((resolve) => {
      for (const unit of this.units) {
        void this.#bringUp(unit).then((found) => {
          if (found !== undefined) resolve(found);
        });
      }
    });
    const allReady = Promise.all(this.#settled.values()).then((results) => results.find((each) => each !== undefined));
    return Promise.race([failed, allReady]);
  }

  /** Stops everything: a unit ends when all that were started after it have ended. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  hurry(): void {
    for (const unit of this.units) unit.hurry();
  }

  #bringUp(unit: Unit): Promise<Problem | undefined> {
    const known = this.#settled.get(unit.plan.id);
    if (known !== undefined) return known;
    const settled = this.#startInTurn(unit);
    this.#settled.set(unit.plan.id, settled);
    return settled;
  }

  async #startInTurn(unit: Unit): Promise<Problem | undefined> {
    // One turn later every unit is known, whatever the order in which they were planned.
    await Promise.resolve();
    const before = await Promise.all(unit.plan.after.map((id) => this.#settled.get(id)));
    const blocked = before.find((each) => each !== undefined);
    if (blocked !== undefined || this.isStopping) return blocked;
    await this.#turn();
    try {
      if (this.isStopping) return undefined;
      unit.start();
      return (await unit.firstReady) ?? (this.isStopping ? undefined : await this.#options.afterReady(unit.plan));
    } finally {
      this.#starting -= 1;
      this.#waiters.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    while (this.#starting >= this.#options.startingMax) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    this.#starting += 1;
  }

  async #stopAll(): Promise<void> {
    for (const wake of this.#waiters.splice(0)) wake();
    const ends = new Map<string, Promise<void>>();
    const end = (unit: Unit): Promise<void> => {
      const known = ends.get(unit.plan.id);
      if (known !== undefined) return known;
      const dependents = this.units.filter((each) => each.plan.after.includes(unit.plan.id));
      const ended = Promise.all(dependents.map(end)).then(() => unit.stop());
      ends.set(unit.plan.id, ended);
      return ended;
    };
    await Promise.all(this.units.map(end));
  }
}

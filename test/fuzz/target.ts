/** What can be fuzzed: it makes inputs of bytes, and knows what must hold for any bytes at all. */
import type { Chance } from "./chance.ts";

export interface Target {
  readonly name: string;
  /** How much of a run's time it gets, beside the others. */
  readonly share: number;
  /** Mostly good inputs with something odd in them; the runner damages half of them further. */
  make(chance: Chance): Buffer;
  open(): Checker | Promise<Checker>;
}

export interface Checker {
  /** For each input what is wrong with how it was read, or undefined. Must depend on the input alone. */
  check(inputs: readonly Buffer[]): Promise<readonly (string | undefined)[]>;
  close(): void;
}

/** A checker that needs nothing but the input; what it throws is wrong. */
export function pureChecker(check: (input: Buffer) => string | undefined): Checker {
  return {
    check: async (inputs) => inputs.map((input) => caught(() => check(input))),
    close: () => undefined,
  };
}

/** What is wrong by `check`, or by its having thrown. */
export function caught(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return `threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

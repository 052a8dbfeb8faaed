/** Runs one target for a while, and makes the first find small. */
import { Chance, seedOf } from "./chance.ts";
import { minimise } from "./minimise.ts";
import { mutate } from "./mutate.ts";
import type { Checker, Target } from "./target.ts";

const BATCH = 200;

export interface Find {
  readonly target: string;
  readonly seed: number;
  readonly input: Buffer;
  readonly problem: string;
}

export interface Outcome {
  readonly target: string;
  readonly inputs: number;
  readonly perSecond: number;
  readonly find: Find | undefined;
}

export interface RunOptions {
  readonly seed: number;
  readonly milliseconds: number;
}

/** Ends with the first find, or when the time is over. */
export async function run(target: Target, { seed, milliseconds }: RunOptions): Promise<Outcome> {
  const checker = await target.open();
  const started = performance.now();
  let inputs = 0;
  let find: Find | undefined;
  try {
    while (find === undefined && performance.now() - started < milliseconds) {
      const batch = Array.from({ length: BATCH }, (_, index) => makeInput(target, seed, inputs + index));
      inputs += batch.length;
      find = await findIn(batch, { target, checker, seed });
    }
  } finally {
    checker.close();
  }
  return { target: target.name, inputs, perSecond: (inputs * 1000) / (performance.now() - started), find };
}

function makeInput(target: Target, seed: number, index: number): Buffer {
  const chance = new Chance(seedOf(seed, target.name, index));
  return mutate(target.make(chance), chance);
}

interface Search {
  readonly target: Target;
  readonly checker: Checker;
  readonly seed: number;
}

async function findIn(batch: readonly Buffer[], { target, checker, seed }: Search): Promise<Find | undefined> {
  const problems = await checker.check(batch);
  const at = problems.findIndex((problem) => problem !== undefined);
  if (at < 0) return undefined;
  const problemOf = async (input: Buffer): Promise<string | undefined> => (await checker.check([input]))[0];
  const kind = kindOf(problems[at] as string);
  const input = await minimise(batch[at] as Buffer, async (smaller) => {
    const problem = await problemOf(smaller);
    return problem !== undefined && kindOf(problem) === kind;
  });
  return { target: target.name, seed, input, problem: (await problemOf(input)) ?? (problems[at] as string) };
}

/** The words before the details, so that minimising does not wander from one problem to another. */
function kindOf(problem: string): string {
  return problem.replace(/^message \d+: /, "").split(/[:(]/, 1)[0] as string;
}

/** What is wrong with one input, for a find that is looked at again. */
export async function recheck(target: Target, input: Buffer): Promise<string | undefined> {
  const checker = await target.open();
  try {
    return (await checker.check([input]))[0];
  } finally {
    checker.close();
  }
}

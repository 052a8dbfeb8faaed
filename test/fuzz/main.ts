/** `npm run fuzz`: random inputs for every parser that strangers can reach. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseDurationMs } from "#api";
import { type Find, recheck, run } from "./run.ts";
import type { Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

const HELP = `npm run fuzz [-- options]
  --for TIME     for all targets together, such as 30s, 10m, 1h (1m)
  --seed S       what the inputs are made from; the same seed makes the same inputs (chosen anew each time)
  --target T     only this one, of: ${TARGETS.map(({ name }) => name).join(", ")}
  --replay FILE  check one input again, with --target`;

const { values } = parseArgs({
  options: {
    for: { type: "string", default: "1m" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    target: { type: "string" },
    replay: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const HOUR_MS = 3_600_000;
function shown(input: Buffer): string {
  return JSON.stringify(input.toString("latin1"));
}

function save({ target, input, seed, problem }: Find): void {
  const folder = join(tmpdir(), "heddle-fuzz");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${target}-${seed}`);
  writeFileSync(file, input);
  console.log(`\n✗ ${target}, seed ${seed}: ${problem}\n  ${input.length} bytes: ${shown(input)}`);
  console.log(`  again: npm run fuzz -- --target ${target} --replay ${file}\n`);
}

async function fuzz(targets: readonly Target[], seed: number, milliseconds: number): Promise<boolean> {
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  let [inputs, isGood] = [0, true];
  console.log(`seed ${seed}, ${milliseconds / 1000} s`);
  for (const target of targets) {
    const outcome = await run(target, { seed, milliseconds: (milliseconds * target.share) / shares });
    inputs += outcome.inputs;
    isGood &&= outcome.find === undefined;
    const sign = outcome.find === undefined ? "✓" : "✗";
    console.log(
      `${sign} ${target.name.padEnd(20)} ${outcome.inputs} inputs, ${Math.round(outcome.perSecond)} inputs/s`,
    );
    if (outcome.find !== undefined) save(outcome.find);
  }
  console.log(`${inputs} inputs, ${Math.round((inputs * HOUR_MS) / milliseconds)} an hour`);
  return isGood;
}

async function replay(target: Target, file: string): Promise<boolean> {
  const input = readFileSync(file);
  const problem = await recheck(target, input);
  console.log(`${shown(input)}\n${problem ?? "nothing is wrong with it"}`);
  return problem === undefined;
}

async function main(): Promise<boolean> {
  const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
  const [only, ...others] = targets;
  if (values.help || only === undefined || (values.replay !== undefined && others.length > 0)) {
    console.log(HELP);
    return values.help;
  }
  if (values.replay !== undefined) return replay(only, values.replay);
  const milliseconds = parseDurationMs(values.for);
  if (milliseconds > 0) return fuzz(targets, Number(values.seed), milliseconds);
  console.error(`--for must be a time such as 30s, 10m or 1h, not \`${values.for}\``);
  return false;
}

process.exitCode = (await main()) ? 0 : 1;

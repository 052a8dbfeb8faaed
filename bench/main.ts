/** The benchmarks' command line; `npm run bench` runs it on the pinned Bun. */

import { diagnosis } from "./diagnosis/main.ts";
import { describeMachine } from "./machine.ts";
import { runMicro } from "./micro/main.ts";
import type { Timing } from "./micro/timing.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { writePage } from "./page/page.ts";
import { replayed } from "./replay/main.ts";
import { CASES } from "./system/cases.ts";
import { interrupt } from "./system/children.ts";
import { runSystem } from "./system/main.ts";
import { PEERS } from "./system/peers.ts";
import { tableOf } from "./system/table.ts";
import { figure } from "./verdicts.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => void interrupt());
}

function list(): void {
  for (const { name, title } of CASES) console.log(`case ${name}: ${title}`);
  for (const { name, about } of PEERS) console.log(`peer ${name}${about === "" ? "" : `: ${about}`}`);
}

const NAME_COLUMNS = 48;

const timingText = ({ name, nanoseconds, spread }: Timing): string =>
  `${name.padEnd(NAME_COLUMNS)} ${figure(nanoseconds).padStart(8)} ns  ±${Math.round(spread * 100)} %`;

async function writeJson(target: string | undefined, value: unknown): Promise<void> {
  const json = `${JSON.stringify(value, undefined, 1)}\n`;
  if (target === "-") process.stdout.write(json);
  else if (target !== undefined) await Bun.write(target, json);
}

/** What a person reads goes to standard error when standard output is the JSON's. */
const printerBeside = (target: string | undefined) => (target === "-" ? console.error : console.log);

async function micro(options: Options): Promise<void> {
  const print = printerBeside(options.json);
  const pace = { rounds: options.rounds, roundMs: options.quick ? 200 : 500 };
  const timings = runMicro(options.names.slice(1), pace, (timing) => print(timingText(timing)));
  await writeJson(options.json, { machine: describeMachine(), timings });
}

async function system(options: Options): Promise<void> {
  const report = await runSystem(options, (line) => console.error(line));
  await writeJson(options.json, report);
  printerBeside(options.json)(`\n${tableOf(report)}`);
}

function page(file: string | undefined): void {
  if (file === undefined) throw new Error("`page` takes the JSON file of a run");
  writePage(file);
  console.log("wrote docs/benchmarks/README.md");
}

async function main(words: readonly string[]): Promise<void> {
  if (words.includes("--help")) return console.log(USAGE);
  if (words[0] === "diagnosis") return await diagnosis(words.slice(1));
  if (words[0] === "replay") return await replayed(words.slice(1));
  const options = readOptions(words);
  if (options.list) return list();
  if (options.names[0] === "page") return page(options.names[1]);
  await (options.names[0] === "micro" ? micro(options) : system(options));
}

try {
  await main(process.argv.slice(2));
} catch (cause) {
  console.error(`bench: ${cause instanceof Error ? cause.message : String(cause)}`);
  process.exitCode = 1;
}

/** The benchmarks' command line; `npm run bench` runs it on the pinned Bun. */
import { type Options, readOptions, USAGE } from "./options.ts";
import { AWAITED, CASES } from "./system/cases.ts";
import { stopAll } from "./system/children.ts";
import { runSystem } from "./system/main.ts";
import { PEERS } from "./system/peers.ts";
import { tableOf } from "./system/table.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => void stopAll());
}

function list(): void {
  for (const { name, title } of CASES) console.log(`case ${name}: ${title}`);
  for (const { name, reason } of AWAITED) console.log(`case ${name}: ${reason}`);
  for (const { name, about } of PEERS) console.log(`peer ${name}${about === "" ? "" : `: ${about}`}`);
}

/** The table goes to standard error when standard output is the JSON's. */
async function system(options: Options): Promise<void> {
  const report = await runSystem(options, (line) => console.error(line));
  const json = `${JSON.stringify(report, undefined, 1)}\n`;
  if (options.json === undefined || options.json === "-") process.stdout.write(options.json === "-" ? json : "");
  else await Bun.write(options.json, json);
  (options.json === "-" ? console.error : console.log)(`\n${tableOf(report)}`);
}

async function main(words: readonly string[]): Promise<void> {
  if (words.includes("--help")) return console.log(USAGE);
  const options = readOptions(words);
  if (options.list) return list();
  await system(options);
}

try {
  await main(process.argv.slice(2));
} catch (cause) {
  console.error(`bench: ${cause instanceof Error ? cause.message : String(cause)}`);
  process.exitCode = 1;
}

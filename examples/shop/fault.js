// Switches faults in the running shop:
//   node fault.js payments slow 400     every answer of payments takes 400 ms longer
//   node fault.js inventory-2 fail 1    that replica answers 500 to this share of its requests
//   node fault.js lb slow 250           the load balancer waits before it passes a request on
//   node fault.js heal                  all faults end
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const DEFAULT_FILE = fileURLToPath(new URL("faults.json", import.meta.url));

/** Replaces the file as a whole: readers see the old faults or the new, nothing between. Without faults there is no file. */
export function writeFaults(faults, file = DEFAULT_FILE) {
  if (Object.keys(faults).length === 0) return rmSync(file, { force: true });
  writeFileSync(`${file}.new`, JSON.stringify(faults));
  renameSync(`${file}.new`, file);
}

function readFaults(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return {};
  }
}

/** The fault that the words of a command line ask for, or undefined when they make no sense. */
export function parseFault(kind, amount) {
  const number = Number(amount);
  if (kind === "slow" && number > 0 && number <= 30_000) return { delayMs: number };
  if (kind === "fail" && number > 0 && number <= 1) return { status: 500, share: number };
  return undefined;
}

function main([name, kind, amount]) {
  const file = process.env.FAULT_FILE ?? DEFAULT_FILE;
  if (name === "heal") return writeFaults({}, file);
  const fault = parseFault(kind, amount);
  if (!name || !fault) {
    console.error("usage: node fault.js NAME slow MILLISECONDS | NAME fail SHARE | heal");
    process.exitCode = 2;
    return;
  }
  writeFaults({ ...readFaults(file), [name]: fault }, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));

// The switch that makes this service slow or failing: a JSON file named by FAULT_FILE, such as
//   {"payments": {"delayMs": 400}, "inventory-2": {"status": 500, "share": 1}}
// keyed by the service's name or that of one replica. `../fault.js` writes it.
import { readFileSync, statSync } from "node:fs";

const file = process.env.FAULT_FILE;
const names = [process.env.INSTANCE, process.env.SERVICE].filter(Boolean);
const LOOK_EVERY_MS = 100;

let lookedAt = 0;
let version = "";
let current;

function load() {
  const stat = statSync(file, { throwIfNoEntry: false });
  const seen = stat ? `${stat.mtimeMs} ${stat.size} ${stat.ino}` : "";
  if (seen === version) return;
  version = seen;
  try {
    const all = stat ? JSON.parse(readFileSync(file, "utf8")) : {};
    current = names.map((name) => all[name]).find(Boolean);
  } catch {
    // Half written: the next look sees it whole.
    version = "";
  }
}

/** Waits or throws as the switch says; usually does nothing. */
export async function fault() {
  if (!file) return;
  if (Date.now() - lookedAt >= LOOK_EVERY_MS) {
    lookedAt = Date.now();
    load();
  }
  if (!current) return;
  if (current.delayMs) {
    const jitter = 0.9 + Math.random() * 0.2;
    await new Promise((resolve) => setTimeout(resolve, current.delayMs * jitter));
  }
  if (current.status && Math.random() < (current.share ?? 1)) {
    const error = new Error("made to fail by FAULT_FILE");
    error.status = current.status;
    throw error;
  }
}

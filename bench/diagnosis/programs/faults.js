// What the incident under way does to this program: the file named by FAULT_FILE, keyed by instance, version or service.
import { readFileSync, statSync } from "node:fs";

const file = process.env.FAULT_FILE ?? "";
const LOOK_EVERY_MS = 100;

/** Calls back with the faults of the first of the names that has any, now and whenever they change. */
export function watchFaults(names, onChange) {
  let version;
  const look = () => {
    const stat = statSync(file, { throwIfNoEntry: false });
    const seen = stat ? `${stat.mtimeMs} ${stat.size} ${stat.ino}` : "";
    if (seen === version) return;
    version = seen;
    const all = stat ? JSON.parse(readFileSync(file, "utf8")) : {};
    onChange(names.map((name) => all[name]).find(Boolean) ?? {});
  };
  look();
  setInterval(look, LOOK_EVERY_MS);
}

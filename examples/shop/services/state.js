// A service's own state: one JSON file in the folder named by DATA_DIRECTORY, replaced as a whole so that it is never half written.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const directory = process.env.DATA_DIRECTORY;
const SAVE_AFTER_MS = 250;

/** Loads the state, or starts with `initial`. `changed()` has it saved soon. */
export function openState(initial) {
  if (!directory) return { data: initial, changed() {} };
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "state.json");
  let data = initial;
  try {
    data = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // The first start.
  }
  let timer;
  const save = () => {
    timer = undefined;
    writeFileSync(`${path}.new`, JSON.stringify(data));
    renameSync(`${path}.new`, path);
  };
  return {
    data,
    changed() {
      if (timer === undefined) timer = setTimeout(save, SAVE_AFTER_MS).unref();
    },
  };
}

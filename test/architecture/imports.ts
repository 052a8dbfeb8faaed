import { existsSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { Glob } from "bun";
import { DOORLESS } from "./layers.ts";

export interface Import {
  readonly file: string;
  /** The room of the table that the file is in. */
  readonly room: string;
  readonly specifier: string;
  readonly inTest: boolean;
}

/** Static, re-exporting, type-only and dynamic imports alike: an erased import still points somewhere. */
const SPECIFIER =
  /(?:^|[\s;}])(?:import|export)\s(?:[^"';]*?\sfrom\s*)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;

export const files: readonly string[] = [...new Glob("src/**/*.{ts,tsx}").scanSync(".")].filter(
  (file) => !file.includes("/gen/"),
);

/** The innermost folder with a door that holds the file. */
export function doorOf(path: string): string {
  let folder = dirname(path).slice("src/".length);
  while (folder.includes("/") && !existsSync(`src/${folder}/index.ts`) && !existsSync(`src/${folder}/index.tsx`)) {
    folder = dirname(folder);
  }
  return folder;
}

/** The row of the table for a door: `engine/time` and its siblings share the row `engine`. */
export function rowOf(door: string): string {
  const [top = ""] = door.split("/");
  return DOORLESS.includes(top) ? top : door;
}

export const imports: readonly Import[] = files.flatMap((file) =>
  [...readFileSync(file, "utf8").matchAll(SPECIFIER)].map((match) => ({
    file,
    room: rowOf(doorOf(file)),
    specifier: match[1] ?? match[2] ?? "",
    inTest: /\.test\.tsx?$/.test(file),
  })),
);

/** The door that a relative import reaches. */
export function relativeDoor(each: Import): string {
  return doorOf(posix.join(dirname(each.file), each.specifier));
}

/** Files that the single executable carries in itself, and that others than it must find on a disk: the console's, and what is loaded into programs. */
import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Set by the executable's entry, which the build writes; absent where Heddle runs from its sources. */
const CARRIED = Symbol.for("heddle.dev/carried-files");

interface CarriedFiles {
  /** Of all contents, so that another build unpacks into another folder. */
  readonly digest: string;
  /** Where the engine finds each, by its path in the project. */
  readonly places: Readonly<Record<string, string>>;
}

function carriedFiles(): CarriedFiles | undefined {
  return (globalThis as { readonly [CARRIED]?: CarriedFiles })[CARRIED];
}

export function isCarried(): boolean {
  return carriedFiles() !== undefined;
}

/** Writes the carried files below a path to the user's cache, once a build, and says where; undefined when there are none or no room for them. */
export async function unpackedFolder(path: string): Promise<string | undefined> {
  const carried = carriedFiles();
  const wanted = Object.entries(carried?.places ?? {}).filter(([name]) => name.startsWith(`${path}/`));
  if (carried === undefined || wanted.length === 0) return undefined;
  const root = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "heddle", carried.digest);
  try {
    for (const [name, place] of wanted) await unpack(place, join(root, name));
    return join(root, path);
  } catch {
    return undefined;
  }
}

/** Whole or not at all: another process may unpack the same at the same time. */
async function unpack(place: string, target: string): Promise<void> {
  const content = await Bun.file(place).bytes();
  const held = await stat(target).catch(() => undefined);
  if (held?.size === content.length) return;
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const written = `${target}.${process.pid}`;
  await writeFile(written, content, { mode: 0o600 });
  await rename(written, target);
}

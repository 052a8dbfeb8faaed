/** What has a program's calls carry on the trace of the request that they are made for, without a change to the program. */
import { bundledFolder } from "#engine/folders";
import { environment } from "#engine/processes";

export interface Preload {
  /** Has a folder for each language; absolute. */
  readonly folder: string;
  /** What the programs inherit. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
}

/** A program whose own environment says `HEDDLE_PRELOAD=off` is left alone. */
const SWITCH = "HEDDLE_PRELOAD";

/** Undefined where this installation has no such files. */
export async function findPreload(): Promise<Preload | undefined> {
  const folder = await bundledFolder("preload");
  return folder === undefined ? undefined : { folder, inherited: environment() };
}

/**
 * Variables that have Node and Python load the preload. Other programs take no notice of them; what the user wants of Node
 * stays in front, and a `sitecustomize` of the user's is run by ours.
 */
export function preloadEnvironment(
  preload: Preload | undefined,
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (preload === undefined) return {};
  const given = { ...preload.inherited, ...own };
  if (given[SWITCH] === "off") return {};
  return {
    NODE_OPTIONS: nodeOptions(given["NODE_OPTIONS"] ?? "", `${preload.folder}/node/register.cjs`),
    PYTHONPATH: pythonPath(given["PYTHONPATH"] ?? "", `${preload.folder}/python`),
  };
}

/** Folders between colons, of which ours must be the first that has a `sitecustomize`. */
function pythonPath(given: string, folder: string): string {
  if (given === "") return folder;
  return [folder, ...given.split(":").filter((each) => each !== folder)].join(":");
}

/** Node splits at blanks, except between double quotes, in which a backslash takes the next character as it is. */
function nodeOptions(given: string, file: string): string {
  const option = `--require "${file.replaceAll(/["\\]/g, "\\$&")}"`;
  if (given.includes(option)) return given;
  return given.trim() === "" ? option : `${given} ${option}`;
}

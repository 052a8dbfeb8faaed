/** Folders and the ordinary text files in them: what a user writes, and what is thrown away at the end. Secrets have their own door. */
import { mkdir, readdir, readFile, realpath, rm, rmdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { failure, problem, type Result, success } from "#model";
import { isCarried, unpackedFolder } from "./carried.ts";

const TEXT_BYTES_MAX = 4 * 1024 * 1024;

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

function unreadable(path: string, cause: unknown): Result<never> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return failure(problem("HDL_ENGINE_FILE", `${path} cannot be read: ${reason}`, { cause }));
}

/** The path from the root, with links followed where it exists. */
export async function absolutePath(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}

/** A text file of at most 4 MiB unless more is said; undefined when there is none. */
export async function readTextFile(path: string, bytesMax = TEXT_BYTES_MAX): Promise<Result<string | undefined>> {
  try {
    const { size } = await stat(path);
    if (size > bytesMax) return unreadable(path, `it is larger than ${bytesMax} bytes`);
    return success(await readFile(path, "utf8"));
  } catch (cause) {
    return codeOf(cause) === "ENOENT" ? success(undefined) : unreadable(path, cause);
  }
}

/** The file itself, or the files of a folder (not of folders inside it) whose names end so, in the order of their names. */
export async function listFiles(path: string, endings: readonly string[]): Promise<Result<readonly string[]>> {
  try {
    if (!(await stat(path)).isDirectory()) return success([path]);
    const names = (await readdir(path)).filter((name) => endings.some((ending) => name.endsWith(ending)));
    return success(names.sort().map((name) => join(path, name)));
  } catch (cause) {
    return unreadable(path, cause);
  }
}

/** Makes the folder and those above it; only its owner may enter. */
export async function makePrivateFolder(path: string): Promise<Result<void>> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return success(undefined);
  } catch (cause) {
    return unreadable(path, cause);
  }
}

/** Deletes the folder and all in it; nothing happens when there is none. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** Deletes the folder if nothing is left in it. */
export async function removeEmptyFolder(path: string): Promise<void> {
  await rmdir(path).catch(() => {});
}

/** A folder of the project that goes with the program: beside its sources, or out of the single executable. Undefined where it was not built. */
export async function bundledFolder(path: string): Promise<string | undefined> {
  if (isCarried()) return unpackedFolder(path);
  const folder = join(import.meta.dir, "../../..", path);
  const found = await stat(folder).catch(() => undefined);
  return found?.isDirectory() === true ? folder : undefined;
}

/** The only door to files that hold secrets: readable by their owner alone, replaced whole or not at all, on the disk when written. */
import { chmod, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { failure, problem, type Result, success } from "#model";

export interface PrivateFiles {
  /** The file's text; undefined when there is none. Fails with `HDL_ENGINE_SECRET_EXPOSED` when others may read it. */
  read(path: string): Promise<Result<string | undefined>>;
  /** Replaces the file atomically, mode 0600, and waits until it is on the disk. Makes the folder, mode 0700. */
  write(path: string, text: string): Promise<Result<void>>;
  /** Deletes the file if there is one. */
  remove(path: string): Promise<Result<void>>;
}

/** Larger files are no secrets of ours. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024;

export const privateFiles: PrivateFiles = {
  async read(path) {
    try {
      const { mode, size } = await stat(path);
      if ((mode & 0o077) !== 0)
        return failure(problem("HDL_ENGINE_SECRET_EXPOSED", `${path} may be read by other users of this machine.`));
      if (size > TEXT_BYTES_MAX) return unusable(path, `it is larger than ${TEXT_BYTES_MAX} bytes`);
      const file = await open(path, "r");
      try {
        return success(await file.readFile("utf8"));
      } finally {
        await file.close();
      }
    } catch (cause) {
      return isAbsent(cause) ? success(undefined) : unusable(path, cause);
    }
  },

  async write(path, text) {
    const fresh = `${path}.new`;
    try {
      await makeFolder(path);
      await put(fresh, text);
      await rename(fresh, path);
      await syncFolder(path);
      return success(undefined);
    } catch (cause) {
      return unusable(path, cause);
    }
  },

  async remove(path) {
    try {
      await rm(path, { force: true });
      return success(undefined);
    } catch (cause) {
      return unusable(path, cause);
    }
  },
};

async function makeFolder(path: string): Promise<void> {
  const folder = dirname(path);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) await chmod(folder, 0o700);
}

async function put(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename is lost in a power cut unless the folder is synced too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

function unusable(path: string, cause: unknown): Result<never> {
  const why = cause instanceof Error ? cause.message : String(cause);
  return failure(problem("HDL_ENGINE_SECRET_FILE", `${path} cannot be used: ${why}.`, { cause }));
}

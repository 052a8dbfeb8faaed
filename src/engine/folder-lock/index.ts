/** One process at a time may own a folder. The system itself lets go when the owner ends, however it ends. */
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { failure, problem, type Result, success } from "#model";

export interface FolderLock {
  release(): void;
}

/**
 * Owns the folder, which is made (0700) where it is missing. SQLite's exclusive lock on an empty database is the one advisory file lock
 * that the engine offers. Fails with `HDL_ENGINE_FOLDER_IN_USE`, or `HDL_ENGINE_FILE` when the folder cannot be used at all.
 */
export function lockFolder(folder: string): Result<FolderLock> {
  let database: Database | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    database = new Database(`${folder}/lock`, { create: true });
    database.exec("PRAGMA busy_timeout = 0");
    database.exec("BEGIN EXCLUSIVE");
    const held = database;
    return success({ release: () => held.close() });
  } catch (cause) {
    database?.close();
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (code.startsWith("SQLITE_BUSY"))
      return failure(problem("HDL_ENGINE_FOLDER_IN_USE", `${folder} is in use by another process.`, { cause }));
    const why = cause instanceof Error ? cause.message : String(cause);
    return failure(problem("HDL_ENGINE_FILE", `${folder} cannot be used: ${why}.`, { cause }));
  }
}

import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Result, valueOrThrow } from "#model";
import { privateFiles } from "./index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-private-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.problems[0].code;
}

test("a secret is written for its owner alone, in a folder for its owner alone, and leaves nothing beside it", async () => {
  const path = join(folder, "deep/er/secret");
  valueOrThrow(await privateFiles.write(path, "one"));
  valueOrThrow(await privateFiles.write(path, "two"));
  expect(valueOrThrow(await privateFiles.read(path))).toBe("two");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "deep/er"))).mode & 0o777).toBe(0o700);
  expect(await readdir(join(folder, "deep/er"))).toEqual(["secret"]);
});

test("a file that is not there is no failure, also to remove", async () => {
  expect(valueOrThrow(await privateFiles.read(join(folder, "none")))).toBeUndefined();
  expect(codeOf(await privateFiles.remove(join(folder, "none")))).toBe("ok");
});

test("a file that others may read or that is absurdly large is refused", async () => {
  const path = join(folder, "secret");
  await writeFile(path, "x");
  for (const mode of [0o640, 0o604, 0o660]) {
    await chmod(path, mode);
    expect(codeOf(await privateFiles.read(path))).toBe("HDL_ENGINE_SECRET_EXPOSED");
  }
  await writeFile(path, "x".repeat(4 * 1024 * 1024 + 1));
  await chmod(path, 0o600);
  expect(codeOf(await privateFiles.read(path))).toBe("HDL_ENGINE_SECRET_FILE");
});

test("what cannot be written says which path and why", async () => {
  const blocker = join(folder, "file");
  await writeFile(blocker, "");
  const written = await privateFiles.write(join(blocker, "secret"), "x");
  expect(codeOf(written)).toBe("HDL_ENGINE_SECRET_FILE");
  expect(written.ok ? "" : written.problems[0].message).toContain(join(blocker, "secret"));
});

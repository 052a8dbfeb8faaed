import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { valueOrThrow } from "#model";
import { lockFolder } from "./index.ts";

const script = (folder: string, then: string): string =>
  `const { lockFolder } = await import(${JSON.stringify(import.meta.resolve("./index.ts"))});
   const lock = lockFolder(${JSON.stringify(folder)});
   console.log(lock.ok ? "locked" : lock.problems[0].code);
   ${then}`;

test("one process owns a folder, and the next when it has ended, even by a kill", async () => {
  const parent = await mkdtemp(join(tmpdir(), "heddle-lock-"));
  const folder = join(parent, "data");
  const owner = Bun.spawn([process.execPath, "-e", script(folder, "await Bun.sleep(60000);")], { stdout: "pipe" });
  const { value } = await owner.stdout.getReader().read();
  expect(new TextDecoder().decode(value).trim()).toBe("locked");
  const second = lockFolder(folder);
  expect(second).toMatchObject({ ok: false, problems: [{ code: "HDL_ENGINE_FOLDER_IN_USE" }] });
  owner.kill("SIGKILL");
  await owner.exited;
  const third = valueOrThrow(lockFolder(folder));
  third.release();
  valueOrThrow(lockFolder(folder)).release();
  await rm(parent, { recursive: true });
});

test("a folder that cannot be made is a problem", async () => {
  const parent = await mkdtemp(join(tmpdir(), "heddle-lock-"));
  await writeFile(join(parent, "file"), "");
  expect(lockFolder(join(parent, "file"))).toMatchObject({ ok: false, problems: [{ code: "HDL_ENGINE_FILE" }] });
  await rm(parent, { recursive: true });
});

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMANDS } from "./commands.ts";
import { VERSION } from "./version.ts";

async function heddle(...words: string[]) {
  const directory = mkdtempSync(join(tmpdir(), "heddle-cli-"));
  const { HEDDLE_DATA: _data, ...environment } = process.env;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts"), ...words], {
    cwd: directory,
    env: { ...environment, HOME: directory },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  rmSync(directory, { recursive: true });
  return { out, errors, status };
}

test("without a word the command line shows all commands", async () => {
  const { out, status } = await heddle();
  for (const [name, { summary }] of Object.entries(COMMANDS)) {
    expect(out).toContain(name);
    expect(out.replaceAll(/\s+/g, " ")).toContain(summary);
  }
  expect(status).toBe(0);
});

test.each(Object.keys(COMMANDS))("%s explains itself", async (name) => {
  const { out, status } = await heddle(name, "--help");
  expect(out).toContain(`Usage: heddle ${name}`);
  expect(status).toBe(0);
});

test("says its version", async () => {
  expect(await heddle("--version")).toMatchObject({ out: `${VERSION}\n`, status: 0 });
});

test("a misspelt command is answered with the nearest one", async () => {
  const { errors, status } = await heddle("chek");
  expect(errors).toContain("Did you mean check?");
  expect(status).toBe(2);
});

test("a command that needs a server says so when there is none", async () => {
  const { errors, status } = await heddle("run", "--service", "orders", "--", "true");
  expect(errors).toContain("HDL_CHECK_SERVER_UNREACHABLE");
  expect(errors).toContain("→ ");
  expect(status).toBe(1);
});

test("check gives what it finds as JSON", async () => {
  const { out, status } = await heddle("check", "-o", "json");
  expect(JSON.parse(out).findings[0]).toMatchObject({ state: "failure", subject: "server" });
  expect(status).toBe(1);
});

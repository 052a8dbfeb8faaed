import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { valueOrThrow } from "#model";
import { type ControlPlane, startControlPlane } from "#server";

const directory = mkdtempSync(join(tmpdir(), "heddle-cli-audit-"));
let server: ControlPlane;

beforeAll(async () => {
  const anywhere = { address: "127.0.0.1", port: 0 };
  server = valueOrThrow(
    await startControlPlane({
      dataDirectory: join(directory, "data"),
      api: anywhere,
      agents: anywhere,
      trustDomain: "shop.example",
      version: "1",
      consoleDirectory: undefined,
      log: () => {},
    }),
  );
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

async function heddle(...words: string[]) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts"), ...words], {
    cwd: directory,
    env: { ...process.env, HOME: directory, HEDDLE_DATA: join(directory, "data"), NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, errors, status };
}

test("verify reads all pages of a long log, and finds what was done to the file of a running server", async () => {
  const policy = (n: number): string =>
    `apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: a${n}, namespace: shop }\n`;
  const { token } = JSON.parse(await Bun.file(join(directory, "data/admin.json")).text()) as { token: string };
  for (let n = 0; n < 1100; n++) {
    const body = JSON.stringify({ files: [{ file: "a.yaml", text: policy(n) }] });
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    await fetch(`${server.url}/api/v1/apply`, { method: "POST", headers, body });
  }
  const whole = await heddle("audit", "verify", "--json");
  const report = JSON.parse(whole.out);
  expect(report).toMatchObject({ isWhole: true, first: 1, last: 1100, faults: [] });

  const exported = await heddle("audit", "--all", "--json");
  writeFileSync(join(directory, "whole.json"), exported.out);
  const recent = await heddle("audit", "--limit", "10", "--json");
  writeFileSync(join(directory, "recent.json"), recent.out);
  expect((await heddle("audit", "verify", "whole.json", "--head", report.head)).status).toBe(0);
  expect((await heddle("audit", "verify", "recent.json", "--part")).out).toStartWith("entries 1091 to 1100 are");
  expect((await heddle("audit", "verify", "recent.json")).errors).toContain("the log begins with entry 1091");
  expect((await heddle("audit", "verify", "recent.json", "--part", "--head", `7:${"a".repeat(64)}`)).status).toBe(1);

  const file = new Database(join(directory, "data/heddle.db"));
  file.exec("DROP TRIGGER audit_stays; DROP TRIGGER audit_keeps; DELETE FROM audit WHERE id = 40");
  file.exec("UPDATE audit SET actor = 'nobody' WHERE id = 1050");
  file.close();
  const broken = await heddle("audit", "verify", "--head", report.head);
  expect(broken.status).toBe(1);
  expect(broken.errors).toContain("entry 40 was removed [HDL_AUDIT_BROKEN]");
  expect(broken.errors).toContain("entry 1050 was changed: its content does not make its hash [HDL_AUDIT_BROKEN]");
}, 60_000);

test.each([
  [["audit", "verify", "none.json"], "there is no file none.json"],
  [["audit", "verify", "data/admin.json"], "is no exported audit log"],
  [["audit", "verify", "--head", "12"], "--head must be as it was printed"],
  [["whoami", "--token-file", "t"], "--token-file needs --server"],
])("%p tells what is wrong", async (words, message) => {
  const { errors, status } = await heddle(...words);
  expect([status, errors.includes(message)]).toEqual([1, true]);
});

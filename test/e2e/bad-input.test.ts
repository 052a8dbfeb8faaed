import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { LoneServer } from "../fakes/lone-server.ts";
import {
  type CommandOutcome,
  freePort,
  heddle,
  RunningMesh,
  temporaryFolder,
  writeFiles,
} from "../fakes/running-mesh.ts";

const mesh = new LoneServer();
const folders: string[] = [];

beforeAll(async () => {
  await mesh.start("1h");
}, 30_000);

afterAll(async () => {
  await mesh.remove();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = temporaryFolder();
  folders.push(made);
  return made;
}

/** One clear error: a code, a next step, a status, and nothing on standard output. */
function expectOneError({ status, stderr, stdout }: CommandOutcome, code: string, words: readonly string[]): void {
  expect(stderr.match(/\[HDL_[A-Z_]+\]/g)).toEqual([`[${code}]`]);
  expect(stderr.match(/^ {2}→ \S/gm)?.length).toBe(1);
  for (const word of words) expect(stderr).toContain(word);
  expect(status).not.toBe(0);
  expect(stdout).toBe("");
}

const policy = (name: string, more = ""): string =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: ${name}, namespace: shop }\nspec: { action: DENY }\n${more}`;

describe("resources that cannot be applied change nothing", () => {
  const cases: readonly [string, Readonly<Record<string, string>>, string, readonly string[]][] = [
    ["malformed YAML", { "a.yaml": policy("a"), "b.yaml": "kind: [Service\n" }, "HDL_MANIFEST_INVALID", ["b.yaml:"]],
    [
      "an unknown kind",
      { "a.yaml": policy("a"), "b.yaml": policy("b").replace("AuthorizationPolicy", "AuthorisationPolicy") },
      "HDL_MANIFEST_KIND",
      ["b.yaml:2:", "did you mean `AuthorizationPolicy`"],
    ],
    [
      "an unknown field",
      { "a.yaml": policy("a").replace("action", "acton") },
      "HDL_MANIFEST_INVALID",
      ["a.yaml:4:", "did you mean `action`"],
    ],
    [
      "a field of Istio that is not supported",
      {
        "a.yaml": policy("a").replace(
          "{ action: DENY }",
          "{ rules: [{ when: [{ key: experimental.envoy.filters.x, values: [b] }] }] }",
        ),
      },
      "HDL_MANIFEST_INVALID",
      ["a.yaml:4:", "spec.rules[0].when[0].key"],
    ],
    [
      "two resources of one name",
      { "a.yaml": policy("same"), "b.yaml": policy("same") },
      "HDL_MANIFEST_REPEATED",
      ["a.yaml", "b.yaml:"],
    ],
    ["a name that is no name", { "a.yaml": policy("Not_A_Name") }, "HDL_MANIFEST_INVALID", ["a.yaml:3:"]],
  ];
  test.each(cases)(
    "%s",
    async (_name, files, code, words) => {
      const resources = join(mesh.directory, "bad");
      rmSync(resources, { recursive: true, force: true });
      writeFiles(resources, files);
      const before = await mesh.command("get", "AuthorizationPolicy", "-A", "-o", "json");
      expectOneError(await mesh.command("apply", "-f", "bad"), code, words);
      expect(await mesh.command("get", "AuthorizationPolicy", "-A", "-o", "json")).toEqual(before);
    },
    20_000,
  );
});

test("a server whose port is taken says which, and whose data another uses says so", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  const free = await freePort();
  const options = ["--trust-domain", "a.example", "--agents", `127.0.0.1:${free}`, "--api", `127.0.0.1:${port}`];
  expectOneError(await heddle(folder(), ["server", "--data", "data", ...options]), "HDL_ENGINE_PORT_IN_USE", [
    `127.0.0.1:${port}`,
  ]);
  taken.close();
  const other = await mesh.command(
    "server",
    "--trust-domain",
    "lone.example",
    "--api",
    `127.0.0.1:${await freePort()}`,
    "--agents",
    `127.0.0.1:${free}`,
  );
  expectOneError(other, "HDL_ENGINE_FOLDER_IN_USE", ["data"]);
}, 30_000);

test("an API beyond loopback must have a certificate", async () => {
  const options = ["--trust-domain", "a.example", "--api", "0.0.0.0:0", "--agents", "127.0.0.1:0"];
  expectOneError(await heddle(folder(), ["server", "--data", "data", ...options]), "HDL_SERVER_API_EXPOSED", [
    "0.0.0.0",
  ]);
}, 20_000);

test("the API answers no page of another site, whatever name points here", async () => {
  const ask = (host: string): Promise<number> => mesh.status("/healthz", host);
  expect(await ask("evil.example")).toBe(421);
  expect(await ask("localhost")).toBe(200);
  expect(await ask("127.0.0.1")).toBe(200);
}, 20_000);

test("a damaged database is left as it is, and the server says what to do", async () => {
  const directory = folder();
  mkdirSync(join(directory, "data"), { mode: 0o700 });
  const path = join(directory, "data/heddle.db");
  copyFileSync(join(mesh.directory, "data/heddle.db"), path);
  const bytes = readFileSync(path);
  bytes.fill(0x5a, 0, Math.min(bytes.length, 20_000));
  writeFileSync(path, bytes, { mode: 0o600 });
  const options = [
    "--data",
    "data",
    "--trust-domain",
    "a.example",
    "--api",
    `127.0.0.1:${await freePort()}`,
    "--agents",
    `127.0.0.1:${await freePort()}`,
  ];
  expectOneError(await heddle(directory, ["server", ...options]), "HDL_ENGINE_DATABASE_CORRUPT", ["heddle.db"]);
  expect(readFileSync(path).equals(bytes)).toBe(true);
}, 20_000);

test("a full disk is told, and what was stored stays", async () => {
  const directory = folder();
  const disk = join(directory, "disk");
  mkdirSync(disk);
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]);
  // Only root may mount. Elsewhere a folder that nothing can be written to stands for the disk.
  expect(mounted.exitCode).toBe(0);
  try {
    writeFileSync(join(disk, "filler"), Buffer.alloc(3 * 1024 * 1024 - 64 * 1024));
    const options = [
      "--data",
      "disk/data",
      "--trust-domain",
      "a.example",
      "--api",
      `127.0.0.1:${await freePort()}`,
      "--agents",
      `127.0.0.1:${await freePort()}`,
    ];
    const outcome = await heddle(directory, ["server", ...options]);
    expect(outcome.status).not.toBe(0);
    expect(outcome.stderr).toMatch(/\[HDL_ENGINE_(DISK_FULL|SECRET_FILE|DATABASE)\]/);
    expect(outcome.stderr).toContain("→");
    expect(statSync(join(disk, "filler")).size).toBe(3 * 1024 * 1024 - 64 * 1024);
  } finally {
    Bun.spawnSync(["umount", disk]);
  }
}, 20_000);

describe("an application that cannot run", () => {
  const yaml = (services: string, more = ""): string =>
    `apiVersion: heddle.dev/v1\nkind: Application\nmetadata: { name: bad }\nspec:\n  services:\n${services}${more}`;

  async function upFails(files: Readonly<Record<string, string>>): Promise<string> {
    const directory = folder();
    writeFiles(directory, files);
    const run = new RunningMesh(directory);
    expect(await run.exited()).not.toBe(0);
    expect(run.processes()).toEqual([]);
    // Each fault once; the next step once for all that share it.
    const faults = run.output.match(/.*\[HDL_[A-Z_]+\]/g) ?? [];
    expect(faults.length).toBeGreaterThan(0);
    expect(new Set(faults).size).toBe(faults.length);
    expect(run.output.match(/→/g)?.length).toBeGreaterThan(0);
    return run.output;
  }

  test("a service that never becomes ready", async () => {
    const service = "    - { name: mute, command: sleep 300, readiness: { within: 3s } }\n";
    const output = await upFails({ "heddle.yaml": yaml(service) });
    expect(output).toContain("mute");
    expect(output).toContain("HDL_SUPERVISOR_NOT_READY");
  }, 60_000);

  test("a gateway whose port is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    const service = "    - { name: one, command: sleep 300 }\n";
    const output = await upFails({
      "heddle.yaml": yaml(service, `  gateways: [{ name: edge, port: ${port}, to: one }]\n`),
    });
    expect(output).toContain(String(port));
    taken.close();
  }, 60_000);

  test("a field that does not exist", async () => {
    const output = await upFails({ "heddle.yaml": yaml("    - { name: one, comand: sleep 300 }\n") });
    expect(output).toContain("heddle.yaml:6:");
    expect(output).toContain("did you mean `command`");
  }, 30_000);
});

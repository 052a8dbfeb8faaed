/** The single executable, copied to where nothing else of the project is. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort, temporaryFolder, until, writeFiles } from "../fakes/running-mesh.ts";

const ROOT = join(import.meta.dir, "../..");
let folder: string;
let heddle: string;

beforeAll(async () => {
  folder = temporaryFolder();
  heddle = join(folder, "heddle");
  const built = Bun.spawn(["node", join(ROOT, "scripts/build.js")], { stdout: "ignore", stderr: "ignore" });
  expect(await built.exited).toBe(0);
  copyFileSync(join(ROOT, "dist/heddle"), heddle);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("runs an application, shows the console, and has Node programs carry traces on", async () => {
  const port = await freePort();
  const application = `
apiVersion: heddle.dev/v1
kind: Application
metadata: { name: tiny }
spec:
  services: [{ name: web, command: node web.cjs }]
  gateways: [{ name: edge, port: ${port}, to: web }]
`;
  const program = `
require("node:http").createServer((_, response) => response.end(process.env.NODE_OPTIONS)).listen(process.env.PORT, process.env.HOST);
`;
  writeFiles(folder, { "heddle.yaml": application, "web.cjs": program });
  const { NODE_OPTIONS: _, ...environment } = process.env;
  const up = Bun.spawn([heddle, "up"], {
    cwd: folder,
    env: { ...environment, HOME: folder, XDG_CACHE_HOME: join(folder, "cache"), NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  let output = "";
  void (async () => {
    for await (const chunk of up.stdout) output += new TextDecoder().decode(chunk);
  })();
  try {
    await until("the console's address is told", () => output.includes("console http://"), 60_000);
    const [, url = ""] = /console (http:\/\/[^/]+)/.exec(output) ?? [];
    expect(await (await fetch(url)).text()).toContain("<title>Heddle</title>");
    const options = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    expect(options).toContain(join(folder, "cache/heddle"));
    expect(options).toContain("preload/node/register.cjs");
  } finally {
    up.kill("SIGINT");
    await up.exited;
  }
}, 120_000);

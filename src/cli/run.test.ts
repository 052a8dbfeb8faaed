import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { portState } from "#engine/probe";
import { readRunOptions } from "./run.ts";

const FAKE = [process.execPath, join(import.meta.dir, "../../test/fakes/heddle.ts")];
const API_PORT = 18_570;
const data = mkdtempSync(join(tmpdir(), "heddle-server-"));
let server: Bun.Subprocess | undefined;
let directory = "";

beforeAll(async () => {
  server = Bun.spawn([...FAKE, "server", "--api", `127.0.0.1:${API_PORT}`, "--data", data], { stdin: "ignore" });
  while (!existsSync(join(data, "admin.json"))) await Bun.sleep(20);
});

afterAll(async () => {
  server?.kill();
  await server?.exited;
  rmSync(data, { recursive: true });
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "heddle-run-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function startRun(program: string) {
  writeFileSync(join(directory, "app.mjs"), program);
  const { url, token } = JSON.parse(readFileSync(join(data, "admin.json"), "utf8"));
  const wanted = { service: "orders", namespace: "shop", calls: ["stock"], agents: `127.0.0.1:${API_PORT + 1}` };
  const surroundings = { access: { url, token }, heddle: FAKE, isVerbose: true };
  const script = `
    import { run } from ${JSON.stringify(join(import.meta.dir, "run.ts"))};
    process.exitCode = await run(${JSON.stringify(wanted)}, ["node", "app.mjs"], ${JSON.stringify(surroundings)});`;
  return Bun.spawn([process.execPath, "-e", script], {
    cwd: directory,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

describe("heddle run", () => {
  test("starts the proxy first, then the program with its surroundings, and passes on its status", async () => {
    const child = startRun(`
      const listening = await fetch(process.env.STOCK_URL).then((answer) => answer.text());
      console.log(JSON.stringify({ port: process.env.PORT, url: process.env.STOCK_URL, listening }));
      process.exit(7);`);
    const told = JSON.parse(await child.stdout.text());
    expect(await child.exited).toBe(7);
    expect(told.listening).toBe("outbound");
    expect(Number(told.port)).toBeGreaterThan(0);
    expect(readdirSync(directory)).toEqual(["app.mjs"]);
    expect(await portState(new URL(told.url).hostname, 15008)).toBe("free");
  }, 20_000);

  test("ends the program and then the proxy at Ctrl-C", async () => {
    const child = startRun(`
      process.on("SIGTERM", () => { console.log("down"); process.exit(3); });
      setInterval(() => {}, 1000);
      console.log("up");`);
    const reader = child.stdout.getReader();
    const first = await reader.read();
    expect(new TextDecoder().decode(first.value)).toContain("up");
    child.kill("SIGINT");
    const second = await reader.read();
    expect(new TextDecoder().decode(second.value)).toContain("down");
    expect(await child.exited).toBe(3);
    expect(readdirSync(directory)).toEqual(["app.mjs"]);
  }, 20_000);

  test("tells an end by signal as shells do", async () => {
    const child = startRun(`process.kill(process.pid, "SIGKILL");`);
    expect(await child.exited).toBe(137);
  }, 20_000);

  test.each([
    [{ service: "Orders", namespace: "shop" }, "`Orders` is not a name"],
    [{ service: "orders", namespace: "shop", calls: "a, B" }, "`B` is not a name"],
    [{ service: "orders", namespace: "shop", port: "http" }, "--port must be a number"],
    [{ service: "orders", namespace: "shop", readiness: "healthz" }, "--readiness must begin"],
    [{ service: "orders", namespace: "shop", protocol: "smtp" }, "--protocol must be one of"],
  ])("refuses %j", (options, want) => {
    const read = readRunOptions({ protocol: "auto", ...options });
    expect(read.ok ? "" : read.problems[0].message).toContain(want);
  });
});

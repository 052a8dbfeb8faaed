import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../fakes/random.ts";
import { RunningMesh, temporaryFolder, until, writeFiles } from "../fakes/running-mesh.ts";
import { smallApplication } from "../fakes/small-application.ts";

const KILLS = 12;
const SEED = Number(process.env["HEDDLE_CHAOS_SEED"] ?? 7);

let mesh: RunningMesh;
let gateway: string;

beforeAll(async () => {
  const directory = temporaryFolder();
  const application = await smallApplication();
  writeFiles(directory, application.files);
  gateway = application.gateway;
  mesh = new RunningMesh(directory, ["--keep"]);
  await until("the application answers", isAnswering, 60_000);
}, 90_000);

afterAll(() => mesh.remove(), 30_000);

async function ask(): Promise<number> {
  return fetch(gateway, { signal: AbortSignal.timeout(5000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => 0,
  );
}

async function isAnswering(): Promise<boolean> {
  return (await ask()) === 200;
}

const resources = async (): Promise<string> => JSON.stringify(await mesh.api("/api/v1/resources"));

test("killing anything at random under traffic spoils no state, lets nothing through, and is recovered from", async () => {
  const random = seededRandom(SEED);
  const before = await resources();
  const answers: number[] = [];
  let isOver = false;
  const caller = (async () => {
    while (!isOver) {
      answers.push(await ask());
      await Bun.sleep(20);
    }
  })();

  const killed: string[] = [];
  const recoveries: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const candidates = mesh.processes().filter(({ name }) => /^(server|agent|service\.mjs)/.test(name));
    const victim = candidates[Math.floor(random.next() * candidates.length)]!;
    process.kill(victim.pid, "SIGKILL");
    killed.push(victim.name);
    await Bun.sleep(1000 + random.next() * 1500);
    recoveries.push(await until(`the application answers after ${victim.name} was killed`, isAnswering, 30_000));
  }
  const servers = async (): Promise<boolean> =>
    (await mesh.api("/api/v1/workloads").catch(() => undefined)) !== undefined;
  await until("the server answers", servers, 30_000);
  let inRow = 0;
  const isSteady = async (): Promise<boolean> => {
    inRow = (await isAnswering()) ? inRow + 1 : 0;
    return inRow >= 40;
  };
  await until("answers are good again", isSteady, 30_000);
  isOver = true;
  await caller;

  const good = answers.filter((status) => status === 200).length;
  console.log(
    `killed ${killed.join(", ")}; ${good} of ${answers.length} requests answered; slowest recovery ${Math.round(Math.max(...recoveries))} ms`,
  );
  const attempts = readFileSync(join(mesh.directory, "attempts.txt"), "utf8").trim().split("\n");
  expect(attempts.length).toBeGreaterThan(100);
  expect(attempts.filter((status) => status === "200")).toEqual([]);
  expect(attempts.filter((status) => status === "403").length).toBeGreaterThan(50);
  expect(await resources()).toBe(before);
  expect(good / answers.length).toBeGreaterThan(0.5);
}, 180_000);

test("what is kept afterwards is whole, and nothing is left running", async () => {
  const kept = join(mesh.state, "server");
  expect(await mesh.stop()).toBe(0);
  expect(mesh.processes()).toEqual([]);
  for (const name of ["heddle.db", "telemetry.db"]) {
    const database = new Database(join(kept, name), { readonly: true });
    expect(database.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    database.close();
  }
}, 30_000);

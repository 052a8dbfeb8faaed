import { afterAll, beforeAll, expect, test } from "bun:test";
import { type AgentSpec, LoneServer, type Program } from "../fakes/lone-server.ts";
import { freePort, until, writeFiles } from "../fakes/running-mesh.ts";
import { smallApplication } from "../fakes/small-application.ts";

const EDGE_PORT = 10001;
const mesh = new LoneServer();
const edge: AgentSpec = { account: "edge", address: "127.9.31.1", calls: [{ service: "small/back", port: EDGE_PORT }] };
let back: AgentSpec;
let server: Program;
let backAgent: Program;

beforeAll(async () => {
  const appPort = await freePort();
  back = { account: "back", address: "127.9.31.2", appPort, keepKey: true };
  writeFiles(mesh.directory, (await smallApplication()).files);
  server = await mesh.start("20s");
  mesh.program(["env", `PORT=${appPort}`, "HOST=127.0.0.1", "INSTANCE=back-1", "node", "service.mjs", "back"]);
  backAgent = mesh.agent(back, await mesh.token("back"));
  mesh.agent(edge, await mesh.token("edge"));
  await until("requests are answered", async () => (await ask()) === 200, 30_000);
}, 60_000);

afterAll(() => mesh.remove(), 20_000);

async function ask(): Promise<number> {
  return fetch(`http://${edge.address}:${EDGE_PORT}/`, { signal: AbortSignal.timeout(3000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => 0,
  );
}

/** Asks all the time from four callers until told to stop; gives each status other than 200. */
function load(): () => Promise<{ readonly asked: number; readonly failures: readonly number[] }> {
  const failures: number[] = [];
  let asked = 0;
  let isOver = false;
  const callers = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const status = await ask();
      asked++;
      if (status !== 200) failures.push(status);
      await Bun.sleep(5);
    }
  });
  return async () => {
    isOver = true;
    await Promise.all(callers);
    return { asked, failures };
  };
}

interface Workloads {
  readonly workloads: readonly { readonly instance: string; readonly ready: boolean; readonly rotations: number }[];
}

test("agents go on without the server, and are the same to it when it is back", async () => {
  const stop = load();
  await Bun.sleep(500);
  await server.kill();
  // Longer than the agents wait before they renew, shorter than their certificates live.
  await Bun.sleep(8000);
  server = await mesh.startServer();
  await until(
    "every certificate is renewed after the outage",
    async () => {
      const { workloads } = await mesh.api<Workloads>("/api/v1/workloads");
      return workloads.length === 2 && workloads.every(({ rotations, ready }) => ready && rotations > 0);
    },
    30_000,
  );
  const { asked, failures } = await stop();
  console.log(`${asked} requests, ${failures.length} failed`);
  expect(asked).toBeGreaterThan(1000);
  expect(failures).toEqual([]);
}, 60_000);

test("what was recorded during the outage arrives afterwards", async () => {
  interface Graph {
    readonly edges: readonly { readonly source: string; readonly destination: string; readonly requests: number }[];
  }
  await until(
    "the server has what was asked while it was away",
    async () => {
      const graph = await mesh.api<Graph>("/api/v1/graph?window=5m");
      const seen = graph.edges.find(({ destination }) => destination === "small/back");
      return seen !== undefined && seen.requests > 1000;
    },
    10_000,
  );
}, 20_000);

test("an agent that was asked to keep its key comes back while the server is away, by what is on its disk", async () => {
  await server.kill();
  await backAgent.kill();
  expect(await ask()).not.toBe(200);
  backAgent = mesh.agent(back, "");
  await until("the agent is ready again", () => mesh.isAgentReady(back), 10_000);
  await until("requests are answered again", async () => (await ask()) === 200, 15_000);
  server = await mesh.startServer();
}, 60_000);

test("one that was not asked to says what it needs", async () => {
  const spec: AgentSpec = { ...back, account: "other", address: "127.9.31.3" };
  const agent = mesh.agent(spec, "");
  expect(await agent.exited).not.toBe(0);
  expect(agent.output).toContain("HDL_AGENT_TOKEN_MISSING");
  expect(agent.output).toContain("→");
}, 20_000);

test("a token is good once, for the workload that it names", async () => {
  const token = await mesh.token("other");
  const spec: AgentSpec = { ...back, account: "other", address: "127.9.31.4", keepKey: false };
  const first = mesh.agent(spec, token);
  await until("the first agent is ready", () => mesh.isAgentReady(spec), 20_000);
  const second = mesh.agent({ ...spec, address: "127.9.31.5" }, token);
  expect(await second.exited).not.toBe(0);
  expect(second.output).toContain("HDL_ATTESTATION_TOKEN_USED");
  const stranger = mesh.agent({ ...spec, account: "back", address: "127.9.31.6" }, await mesh.token("other"));
  expect(await stranger.exited).not.toBe(0);
  expect(stranger.output).toContain("HDL_ATTESTATION_TOKEN_WORKLOAD");
  const lost = mesh.agent({ ...spec, address: "127.9.31.7" }, "not a token");
  expect(await lost.exited).not.toBe(0);
  expect(lost.output).toContain("HDL_ATTESTATION_TOKEN_MALFORMED");
  expect(await first.kill("SIGTERM")).toBe(0);
}, 60_000);

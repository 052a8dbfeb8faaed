/** Agents that are restarted one after the other, and backends that are killed, under load: no idempotent request is lost. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type AgentSpec, LoneServer, type Program } from "../fakes/lone-server.ts";
import { freePort, until, writeFiles } from "../fakes/running-mesh.ts";
import { smallApplication } from "../fakes/small-application.ts";
import { type Place, steadyCallers, type Tally } from "../fakes/steady-callers.ts";

const CALLERS = 64;
const EDGE_PORT = 10001;
const REPLICAS = [1, 2];

const mesh = new LoneServer();
const agents = new Map<AgentSpec, Program>();
const apps = new Map<AgentSpec, Program>();
const places: Place[] = [];

function startApp(spec: AgentSpec): void {
  const environment = [`PORT=${spec.appPort}`, "HOST=127.0.0.1", `INSTANCE=back-${spec.replica}`];
  apps.set(spec, mesh.program(["env", ...environment, "node", "service.mjs", "back"]));
}

async function startAgent(spec: AgentSpec, token: string): Promise<void> {
  agents.set(spec, mesh.agent(spec, token));
  await until(`${spec.account}-${spec.replica} is ready`, () => mesh.isAgentReady(spec), 30_000);
}

beforeAll(async () => {
  writeFiles(mesh.directory, (await smallApplication()).files);
  await mesh.start("1h");
  for (const replica of REPLICAS) {
    const back = { account: "back", replica, address: `127.9.32.${replica}`, appPort: await freePort(), keepKey: true };
    startApp(back);
    await startAgent(back, await mesh.token("back"));
  }
  for (const replica of REPLICAS) {
    const calls = [{ service: "small/back", port: EDGE_PORT }];
    const edge = { account: "edge", replica, address: `127.9.33.${replica}`, calls, keepKey: true };
    await startAgent(edge, await mesh.token("edge"));
    places.push({ host: edge.address, port: EDGE_PORT });
  }
}, 60_000);

afterAll(() => mesh.remove(), 20_000);

const backs = (): readonly AgentSpec[] => [...apps.keys()];

function tell(what: string, { answered, lost, askedAgain, slowestMs }: Tally): void {
  const again = `${askedAgain} asked again on another connection`;
  console.log(`${what}: ${answered} answered, ${lost.length} lost, ${again}, slowest ${Math.round(slowestMs)} ms`);
}

async function bothServe(): Promise<boolean> {
  const { workloads } = await mesh.api<{ workloads: readonly { instance: string; ready: boolean }[] }>(
    "/api/v1/workloads",
  );
  return workloads.filter(({ instance, ready }) => instance.startsWith("back-") && ready).length === REPLICAS.length;
}

test("a rolling restart of all agents loses no request", async () => {
  const stop = steadyCallers(places, CALLERS);
  await Bun.sleep(1000);
  for (const [spec, agent] of [...agents]) {
    expect(await agent.kill("SIGTERM")).toBe(0);
    await startAgent(spec, "");
    await until("both replicas serve", bothServe);
    await Bun.sleep(500);
  }
  const tally = await stop();
  tell("rolling restart of 4 agents under 64 callers", tally);
  expect(tally.lost).toEqual([]);
  expect(tally.answered).toBeGreaterThan(1000);
}, 60_000);

test.each(["app", "agent"] as const)(
  "the kill of a backend's %s loses no idempotent request",
  async (victim) => {
    const [back] = backs() as [AgentSpec];
    const stop = steadyCallers(places, CALLERS);
    await Bun.sleep(1000);
    await (victim === "app" ? apps : agents).get(back)?.kill("SIGKILL");
    await Bun.sleep(3000);
    if (victim === "app") startApp(back);
    else await startAgent(back, "");
    await until("both replicas serve again", bothServe);
    const tally = await stop();
    tell(`kill of a backend's ${victim} under 64 callers`, tally);
    expect(tally.lost).toEqual([]);
    expect(tally.answered).toBeGreaterThan(1000);
  },
  60_000,
);

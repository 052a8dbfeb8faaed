/** The authority's keys are replaced under load without a lost request, and who is revoked is cut off everywhere at once. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connectSecure } from "#engine/sockets";
import { type AgentSpec, LoneServer, type Program } from "../fakes/lone-server.ts";
import { freePort, until, writeFiles } from "../fakes/running-mesh.ts";
import { smallApplication } from "../fakes/small-application.ts";
import { type Place, steadyCallers } from "../fakes/steady-callers.ts";

const CALLERS = 64;
const EDGE_PORT = 10001;
const CROWD = 50;
const mesh = new LoneServer();
const places: Place[] = [];
let back: AgentSpec;
let backAgent: Program;

interface Authority {
  readonly phase: string;
  readonly sequence: number;
  readonly roots: readonly { readonly id: string; readonly hash: string }[];
  readonly issuing: readonly { readonly status: string }[];
  readonly members: { readonly total: number };
}

interface AgentState {
  readonly proxy: {
    readonly bundleSequence: number;
    readonly peerConnections: number;
    readonly services: readonly { readonly endpoints: readonly { readonly isConnected: boolean }[] }[];
  };
}

const authority = (): Promise<Authority> => mesh.api<Authority>("/api/v1/authority");

async function stateOf(address: string): Promise<AgentState> {
  return (await (await fetch(`http://${address}:15020/state`)).json()) as AgentState;
}

beforeAll(async () => {
  writeFiles(mesh.directory, (await smallApplication()).files);
  await mesh.start("60s");
  back = { account: "back", address: "127.9.34.1", appPort: await freePort(), keepKey: true };
  mesh.program(["env", `PORT=${back.appPort}`, "HOST=127.0.0.1", "INSTANCE=back-1", "node", "service.mjs", "back"]);
  backAgent = mesh.agent(back, await mesh.token("back"));
  await until("back is ready", () => mesh.isAgentReady(back), 30_000);
  const edge = { account: "edge", address: "127.9.35.1", calls: [{ service: "small/back", port: EDGE_PORT }] };
  mesh.agent(edge, await mesh.token("edge"));
  await until("edge is ready", () => mesh.isAgentReady(edge), 30_000);
  places.push({ host: edge.address, port: EDGE_PORT });
}, 60_000);

afterAll(() => mesh.remove(), 20_000);

test.each(["--root", ""])(
  "a rotation (%s) under 64 callers loses no request, and the old key is gone at its end",
  async (option) => {
    const [before] = (await authority()).roots;
    const stop = steadyCallers(places, CALLERS);
    await Bun.sleep(500);
    const rotated = await mesh.command("ca", "rotate", ...(option === "" ? [] : [option]));
    const { answered, lost, slowestMs } = await stop();
    console.log(`rotation ${option}: ${answered} answered, ${lost.length} lost, slowest ${Math.round(slowestMs)} ms`);
    console.log(rotated.stdout);
    expect([rotated.status, rotated.stderr]).toEqual([0, ""]);
    expect(lost).toEqual([]);
    expect(answered).toBeGreaterThan(1000);
    const after = await authority();
    expect(after).toMatchObject({ phase: "settled", members: { total: 2 }, issuing: [{ status: "active" }] });
    expect(after.roots).toHaveLength(1);
    expect(after.roots[0]?.hash === before?.hash).toBe(option === "");
  },
  90_000,
);

test("an agent joins under the new root, by a token that was made under it", async () => {
  const late = { account: "late", address: "127.9.35.2", calls: [{ service: "small/back", port: EDGE_PORT }] };
  mesh.agent(late, await mesh.token("late"));
  await until("it serves", async () => {
    const answer = await fetch(`http://${late.address}:${EDGE_PORT}/`).catch(() => undefined);
    return answer?.status === 200;
  });
}, 40_000);

/** Whether a stolen certificate still opens a connection to another agent. */
function opens(identityFile: string, address: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  void Bun.file(identityFile)
    .json()
    .then((stolen: { privateKeyPem: string; certificateChainPem: string; authoritiesPem: string[] }) =>
      connectSecure({
        address,
        port: 15008,
        serverName: "crowd.small.sa.lone.example",
        material: stolen,
        accept(socket) {
          // The server judges after the handshake: it answers the preface (RFC 9113 §3.4) by its settings, or it hangs up.
          setTimeout(() => socket.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1")));
          return {
            onData: () => {
              resolve(true);
              socket.destroy();
            },
            onDrain: () => undefined,
            onEnd: () => resolve(false),
            onClose: () => resolve(false),
          };
        },
        onFailed: () => resolve(false),
      }),
    );
  return promise;
}

test("who is revoked is cut off by fifty agents within three seconds, and can come back with a new token only", async () => {
  const crowd = Array.from({ length: CROWD }, (_, index) => `127.9.36.${index + 1}`);
  const appPort = await freePort();
  const specs = await Promise.all(
    crowd.map(async (address, index) => ({
      bootstrap: {
        ...mesh.bootstrap({
          account: "crowd",
          replica: index + 1,
          address,
          appPort,
          calls: [{ service: "small/back", port: EDGE_PORT }],
        }),
      },
      joinToken: await mesh.apiToken("crowd"),
    })),
  );
  const program = `${import.meta.dir}/programs/many-agents.ts`;
  const many = mesh.program([process.execPath, program], JSON.stringify(specs));
  await until("fifty agents serve", () => many.output.includes("ready"), 60_000);
  await Promise.all(crowd.map((address) => fetch(`http://${address}:${EDGE_PORT}/`)));
  const connected = async (): Promise<readonly AgentState[]> => Promise.all(crowd.map(stateOf));
  const isLinked = ({ proxy }: AgentState): boolean =>
    proxy.services.some(({ endpoints }) => endpoints.some((each) => each.isConnected));
  expect((await connected()).filter(isLinked)).toHaveLength(CROWD);
  const stolen = `${mesh.directory}/state/back-1/identity.json`;
  expect(await opens(stolen, crowd[0] ?? "")).toBe(true);

  const startedMs = performance.now();
  const revoked = await mesh.apiPost<Authority>("/api/v1/authority/revocations", {
    namespace: "small",
    serviceAccount: "back",
  });
  await until(
    "every agent has cut it off",
    async () => {
      const states = await connected();
      return states.every((each) => each.proxy.bundleSequence >= revoked.sequence && !isLinked(each));
    },
    10_000,
  );
  const tookMs = performance.now() - startedMs;
  console.log(`revoked at ${CROWD} agents in ${Math.round(tookMs)} ms`);
  expect(tookMs).toBeLessThan(3000);
  expect(await Promise.all(crowd.map((address) => opens(stolen, address)))).not.toContain(true);
  expect((await fetch(`http://${crowd[0]}:${EDGE_PORT}/`)).status).toBe(503);

  await backAgent.kill("SIGTERM");
  const again = { ...back, keepKey: false };
  backAgent = mesh.agent(again, await mesh.token("back"));
  await until(
    "back serves again",
    async () => (await fetch(`http://${crowd[0]}:${EDGE_PORT}/`)).status === 200,
    30_000,
  );
}, 120_000);

import { afterEach, describe, expect, test } from "bun:test";
import { connect as connectHttp2, constants } from "node:http2";
import { type AddressInfo, connect, createServer } from "node:net";
import type { LimitSet } from "#policy";
import {
  allow,
  authority,
  echo,
  endpointAt,
  pair,
  raw,
  type Side,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
  tablesOf,
} from "../../test/fakes/proxy-pair.ts";
import { limitSet, operations } from "../../test/fakes/rate-limits.ts";

afterEach(stopAll);

const SLOW = { requests: 1, perMs: 3_600_000 };
const BY_CALLER = { by: { kind: "caller" } } as const;

const urlOf = ({ port }: Side): string => `http://127.0.0.1:${port}`;

/** How many of so many requests at once are answered so. */
async function statuses(url: string, count: number, init?: RequestInit): Promise<Record<number, number>> {
  const answers = await Promise.all(Array.from({ length: count }, () => fetch(url, init)));
  const counts: Record<number, number> = {};
  for (const answer of answers) {
    await answer.arrayBuffer();
    counts[answer.status] = (counts[answer.status] ?? 0) + 1;
  }
  return counts;
}

async function limitedApp(...rateLimits: LimitSet[]) {
  let reached = 0;
  const app = await startApp((_request, response) => {
    reached++;
    response.end();
  });
  const server = startServerSide(app.port, { rateLimits });
  const caller = (name = "front", settings: Parameters<typeof startClientSide>[0] = {}): Side =>
    startClientSide({ endpoints: [endpointAt(server.port)], ...settings }, authority.identity(`shop/${name}`));
  return { server, caller, reached: () => reached };
}

describe("a workload with a limit", () => {
  test("lets a caller have its share and what comes back, while another's is untouched", async () => {
    const { caller, reached } = await limitedApp(limitSet({ ...BY_CALLER, requests: 10, burst: 10 }));
    const [busy, calm] = [caller("busy"), caller("calm")];
    const startedMs = performance.now();
    const { 200: passed = 0, 429: refused = 0 } = await statuses(urlOf(busy), 30);
    const refilled = Math.ceil((performance.now() - startedMs) / 100);
    expect(passed).toBeGreaterThanOrEqual(10);
    expect(passed).toBeLessThanOrEqual(10 + refilled);
    expect([passed + refused, reached()]).toEqual([30, passed]);
    expect(await statuses(urlOf(calm), 10)).toEqual({ 200: 10 });
    await Bun.sleep(350);
    const { 200: later = 0 } = await statuses(urlOf(busy), 10);
    expect(later).toBeGreaterThanOrEqual(3);
    expect(later).toBeLessThan(10);
  });

  test("says which limit it was, when to come again, and in Envoy's word", async () => {
    const { caller } = await limitedApp(limitSet({ name: "writes", ...SLOW, burst: 2 }));
    const url = urlOf(caller());
    await statuses(url, 2);
    const refused = await fetch(url, { method: "POST", body: "x".repeat(100_000) });
    expect(refused.status).toBe(429);
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      "retry-after": "3600",
      "x-ratelimit-limit": "2",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": "7200",
      "x-heddle-reason": "rate-limited",
      "x-heddle-flags": "RL",
      "x-heddle-policy": "RateLimitPolicy/shop/calm#writes",
    });
    expect(await refused.text()).toContain("More was asked than a limit lets through.");
  });

  test("keeps to itself which, where the mesh tells nobody who decides", async () => {
    const { server, caller } = await limitedApp();
    const tables = tablesOf({ rateLimits: [limitSet({ ...SLOW, burst: 1 })] });
    server.proxy.update({ ...tables, settings: { ...tables.settings, explainDenials: false } });
    const url = urlOf(caller());
    await statuses(url, 1);
    const refused = await fetch(url);
    expect([refused.status, refused.headers.get("x-heddle-policy"), refused.headers.get("retry-after")]).toEqual([
      429,
      null,
      "3600",
    ]);
  });

  test("counts what the limit says, and all else passes", async () => {
    const { caller } = await limitedApp(limitSet({ ...SLOW, burst: 1, ...operations({ paths: ["/dear*"] }) }));
    const url = urlOf(caller());
    expect(await statuses(`${url}/dear`, 3)).toEqual({ 200: 1, 429: 2 });
    expect(await statuses(`${url}/cheap`, 5)).toEqual({ 200: 5 });
    // However it is written. Sent as it is: fetch would resolve the path.
    const port = Number(new URL(url).port);
    const request = "GET /x/%2e%2e/dear HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    expect(await raw(port, request)).toStartWith("HTTP/1.1 429 ");
  });

  test("tells users apart by a header", async () => {
    const { caller } = await limitedApp(limitSet({ ...SLOW, burst: 2, by: { kind: "header", name: "x-user" } }));
    const url = urlOf(caller());
    expect(await statuses(url, 4, { headers: { "x-user": "ann" } })).toEqual({ 200: 2, 429: 2 });
    expect(await statuses(url, 2, { headers: { "X-User": "bob" } })).toEqual({ 200: 2 });
    expect(await statuses(url, 4)).toEqual({ 200: 2, 429: 2 });
  });

  test("takes nothing for what a policy denies", async () => {
    const app = await startApp(echo);
    const settings = {
      policies: [allow("test.example/ns/shop/sa/front", ["GET"])],
      rateLimits: [limitSet({ ...SLOW, burst: 1 })],
    };
    const server = startServerSide(app.port, settings);
    const url = urlOf(startClientSide({ endpoints: [endpointAt(server.port)] }));
    expect(await statuses(url, 3, { method: "POST" })).toEqual({ 403: 3 });
    expect(await statuses(url, 2)).toEqual({ 200: 1, 429: 1 });
  });

  test("remembers over changes that leave the limit alone", async () => {
    const rateLimits = [limitSet({ ...SLOW, burst: 1 })];
    const { server, caller } = await limitedApp(...rateLimits);
    const url = urlOf(caller());
    expect(await statuses(url, 2)).toEqual({ 200: 1, 429: 1 });
    server.update({ rateLimits: [...rateLimits], requestTimeoutMs: 4000 });
    expect(await statuses(url, 2)).toEqual({ 429: 2 });
    server.update({ rateLimits: [limitSet({ ...SLOW, burst: 2 })] });
    expect(await statuses(url, 3)).toEqual({ 200: 2, 429: 1 });
    server.update({});
    expect(await statuses(url, 3)).toEqual({ 200: 3 });
  });
});

describe("what was refused", () => {
  test("is recorded on both sides, and at the destination with the limit", async () => {
    const { server, caller } = await limitedApp(limitSet({ ...SLOW, burst: 1 }));
    const client = caller();
    await statuses(urlOf(client), 2);
    const label = "RateLimitPolicy/shop/calm#all";
    const batch = server.recorder.takeBatch(Date.now());
    expect(batch?.samples[0]).toMatchObject({
      status: 429,
      endReason: "rate-limited",
      verdict: "allow",
      policy: label,
    });
    expect(batch?.series.map(({ status, policy, count }) => [status, policy, count]).toSorted()).toEqual([
      [200, "", 1],
      [429, label, 1],
    ]);
    expect(client.recorder.takeBatch(Date.now())?.samples[0]).toMatchObject({ status: 429, endReason: "rate-limited" });
    for (const { recorder } of [client, server]) expect(recorder.prometheus()).toContain('response_flags="RL"');
  });

  test("is not asked for again by the caller's agent, and speaks against nobody", async () => {
    const { server, caller } = await limitedApp(limitSet({ ...SLOW, burst: 1 }));
    const traffic = {
      balancing: { kind: "round-robin" },
      hashKey: undefined,
      failover: [],
      distribute: [],
      isLocal: false,
      warmupMs: undefined,
      outlierDetection: {
        consecutive5xxErrors: 1,
        consecutiveGatewayErrors: 1,
        consecutiveLocalOriginFailures: 1,
        splitExternalLocalOriginErrors: true,
        intervalMs: 10,
        baseEjectionMs: 60_000,
        maxEjectionPercent: 100,
        minHealthPercent: 0,
      },
      pool: {
        connections: undefined,
        pendingRequests: undefined,
        requests: undefined,
        retries: undefined,
        connectTimeoutMs: undefined,
      },
    } as const;
    const url = urlOf(caller("front", { traffic }));
    expect(await statuses(url, 11)).toEqual({ 200: 1, 429: 10 });
    await Bun.sleep(50);
    const counts = server.recorder.takeBatch(Date.now())?.series.map(({ count }) => count) ?? [];
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(11);
    // The endpoint has not been ejected.
    server.update({});
    expect(await statuses(url, 3)).toEqual({ 200: 3 });
  });
});

test("a call of gRPC is told in gRPC", async () => {
  const { caller } = await limitedApp(limitSet({ ...SLOW, burst: 1 }));
  const client = caller();
  await statuses(urlOf(client), 1);
  const session = connectHttp2(urlOf(client));
  session.on("error", () => undefined);
  stops.push(() => session.destroy());
  const headers = { ":method": "POST", ":path": "/a.B/C", "content-type": "application/grpc", te: "trailers" };
  const stream = session.request(headers);
  const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
  stream.on("response", resolve).on("error", () => undefined);
  stream.end();
  expect(await promise).toMatchObject({
    [constants.HTTP2_HEADER_STATUS]: 200,
    "grpc-status": "8",
    "grpc-message": expect.stringContaining("RateLimitPolicy/shop/calm#all"),
    "retry-after": "3600",
  });
});

describe("connections of bytes", () => {
  async function tcpPair(...rateLimits: LimitSet[]) {
    const app = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
    stops.push(() => app.close());
    const server = startServerSide((app.address() as AddressInfo).port, { protocol: "tcp", rateLimits });
    const client = startClientSide({ protocol: "tcp", endpoints: [endpointAt(server.port)] });
    const ask = (): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(client.port, "127.0.0.1", () => socket.write("echo"));
        stops.push(() => socket.destroy());
        socket.on("error", () => undefined);
        socket.on("data", (chunk: Buffer) => resolve(chunk.toString()));
        socket.on("close", () => resolve("closed"));
      });
    return { server, ask };
  }

  test("are counted by a limit that does not speak of HTTP", async () => {
    const { server, ask } = await tcpPair(limitSet({ ...SLOW, burst: 2, ...BY_CALLER }));
    expect([await ask(), await ask(), await ask()]).toEqual(["echo", "echo", "closed"]);
    expect(server.recorder.takeBatch(Date.now())?.samples.map(({ endReason }) => endReason)).toContain("rate-limited");
  });

  test("are not by one that does", async () => {
    const { ask } = await tcpPair(
      limitSet(
        { name: "gets", ...SLOW, burst: 1, ...operations({ methods: ["GET"] }) },
        { name: "users", ...SLOW, burst: 1, by: { kind: "header", name: "x-user" } },
      ),
    );
    expect([await ask(), await ask(), await ask()]).toEqual(["echo", "echo", "echo"]);
  });
});

test("without limits nothing is refused", async () => {
  const { url } = await pair(echo);
  expect(await statuses(url, 50)).toEqual({ 200: 50 });
});

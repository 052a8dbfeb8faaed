import { afterEach, describe, expect, test } from "bun:test";
import { type ClientHttp2Session, connect } from "node:http2";
import type { RouteRetry, TrafficPolicy } from "#model";
import type { RouteRule } from "#routing";
import {
  authority,
  endpointAt,
  type Handler,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";
import { backendRule, routeRule } from "../../test/fakes/route-rules.ts";

afterEach(stopAll);

const POLICY: TrafficPolicy = {
  balancing: { kind: "least-request" },
  hashKey: undefined,
  failover: [],
  distribute: [],
  isLocal: false,
  warmupMs: undefined,
  outlierDetection: undefined,
  pool: {
    connections: undefined,
    pendingRequests: undefined,
    requests: undefined,
    retries: undefined,
    connectTimeoutMs: undefined,
  },
};

const DETECTION = {
  consecutive5xxErrors: 3,
  consecutiveGatewayErrors: 0,
  consecutiveLocalOriginFailures: 5,
  splitExternalLocalOriginErrors: false,
  intervalMs: 200,
  baseEjectionMs: 300,
  maxEjectionPercent: 50,
  minHealthPercent: 0,
};

/** A caller of replicas that say their number. */
async function replicas(
  count: number,
  traffic: Partial<TrafficPolicy>,
  handler?: (index: number) => Handler,
  routes?: readonly RouteRule[],
) {
  const endpoints = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const app = await startApp(handler?.(index) ?? ((_request, response) => response.end(String(index))));
      const { port } = startServerSide(app.port, {}, authority.identity("shop/back"));
      return endpointAt(port, { instance: `back-${index}` });
    }),
  );
  const client = startClientSide({ endpoints, traffic: { ...POLICY, ...traffic }, ...(routes && { routes }) });
  return { client, url: `http://127.0.0.1:${client.port}` };
}

const ask = async (url: string, init?: RequestInit): Promise<string> => (await fetch(url, init)).text();

test("replicas are asked in turn", async () => {
  const { url } = await replicas(3, { balancing: { kind: "round-robin" } });
  const answers: string[] = [];
  for (let index = 0; index < 9; index++) answers.push(await ask(url));
  expect(answers.slice(0, 3).toSorted()).toEqual(["0", "1", "2"]);
  expect(answers.slice(3)).toEqual([...answers.slice(0, 3), ...answers.slice(0, 3)]);
});

describe("requests with the same key meet the same replica", () => {
  test.each([
    [
      "a header",
      { kind: "header", name: "x-user" } as const,
      (user: string) => ["", { headers: { "x-user": user } }] as const,
    ],
    ["a parameter", { kind: "query", name: "user" } as const, (user: string) => [`/?user=${user}`, {}] as const],
    [
      "a cookie",
      { kind: "cookie", name: "user", path: "/", ttlMs: 0 } as const,
      (user: string) => ["", { headers: { cookie: `a=b; user=${user}` } }] as const,
    ],
  ])("by %s", async (_name, hashKey, asked) => {
    const { url } = await replicas(3, { balancing: { kind: "maglev", tableSize: 1009 }, hashKey });
    const met = new Set<string>();
    // The replicas' ports are drawn anew each time: that one of three is met by none of so many does not happen by chance.
    for (let user = 0; user < 80; user++) {
      const [path, init] = asked(`user-${user}`);
      const answers = await Promise.all(Array.from({ length: 3 }, () => ask(url + path, init)));
      expect(new Set(answers).size).toBe(1);
      met.add(answers[0] ?? "");
    }
    expect(met.size).toBe(3);
  });

  test("by a cookie that the agent gives to who has none", async () => {
    const hashKey = { kind: "cookie", name: "stay", path: "/", ttlMs: 60_000 } as const;
    const { url } = await replicas(3, { balancing: { kind: "ring-hash", minimumRingSize: 128 }, hashKey });
    const first = await fetch(url);
    const cookie = first.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^stay="[0-9a-f]{16}"; Max-Age=60; Path=\/; HttpOnly$/);
    const replica = await first.text();
    const again = await fetch(url, { headers: { cookie: cookie.split(";")[0] ?? "" } });
    expect(again.headers.get("set-cookie")).toBeNull();
    expect(await again.text()).toBe(replica);
  });
});

test("a replica whose answers are bad gets none for a while, and then again", async () => {
  let isBad = true;
  const { url } = await replicas(
    2,
    { balancing: { kind: "round-robin" }, outlierDetection: DETECTION },
    (index) => (_request, response) => {
      response.statusCode = index === 0 && isBad ? 500 : 200;
      response.end(String(index));
    },
  );
  const answers: number[] = [];
  for (let index = 0; index < 40; index++) answers.push((await fetch(url)).status);
  expect(answers.filter((status) => status === 500).length).toBe(3);
  isBad = false;
  await Bun.sleep(600);
  const later = await Promise.all(Array.from({ length: 10 }, () => ask(url)));
  expect(new Set(later)).toEqual(new Set(["0", "1"]));
});

test("more requests than the pool allows are refused at once, and the reason is said", async () => {
  const pool = { ...POLICY.pool, requests: 2 };
  const { url, client } = await replicas(
    1,
    { pool },
    () => (_request, response) => void setTimeout(() => response.end(), 200),
  );
  const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(url)));
  const refused = answers.filter(({ status }) => status === 503);
  expect(refused.length).toBe(3);
  expect(refused[0]?.headers.get("x-heddle-reason")).toBe("overflow");
  expect(refused[0]?.headers.get("x-heddle-flags")).toBe("UO");
  expect(refused[0]?.headers.get("x-envoy-overloaded")).toBe("true");
  // What has ended makes room.
  expect((await fetch(url)).status).toBe(200);
  expect(client.recorder.prometheus()).toContain('response_flags="UO"');
});

const RETRY: RouteRetry = { codes: [503], attempts: 2, backoffMs: undefined };

test.each<[string, Partial<RouteRule>]>([
  ["that are asked for again elsewhere", { retry: RETRY }],
  ["that another's is taken instead of", { hedge: { afterMs: 1 } }],
])("bad answers %s count against their replica too", async (_name, rule) => {
  let bad = 0;
  const detection = { ...DETECTION, intervalMs: 60_000, baseEjectionMs: 60_000 };
  const { url } = await replicas(
    2,
    { balancing: { kind: "round-robin" }, outlierDetection: detection },
    (index) => (_request, response) => {
      response.statusCode = index === 0 ? 503 : 200;
      if (index === 0) bad++;
      setTimeout(() => response.end(String(index)), index === 0 ? 5 : 25);
    },
    [routeRule("again", { backends: [backendRule("shop/back")], ...rule })],
  );
  for (let index = 0; index < 20; index++) expect((await fetch(url)).status).toBe(200);
  expect(bad).toBe(3);
});

test("requests that this agent's own circuit refuses are held against no replica", async () => {
  const detection = { ...DETECTION, intervalMs: 60_000, baseEjectionMs: 60_000 };
  const pool = { ...POLICY.pool, pendingRequests: 1 };
  const { url } = await replicas(2, { balancing: { kind: "round-robin" }, outlierDetection: detection, pool }, () => {
    return (request, response) =>
      response.end(request.headers.host === "burst" ? "" : String(request.socket.localPort));
  });
  // All in one write, before there is any connection to a replica.
  const session = connect(url);
  stops.push(() => session.destroy());
  const burst = await Promise.all(Array.from({ length: 40 }, () => reasonOf(session)));
  expect(burst.filter((reason) => reason === "overflow").length).toBeGreaterThan(20);
  const answers = new Set<string>();
  for (let index = 0; index < 20; index++) answers.add(await ask(url));
  expect(answers.size).toBe(2);
});

function reasonOf(session: ClientHttp2Session): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": "/", ":authority": "burst" });
    stream.on("response", (headers) => resolve(String(headers["x-heddle-reason"])));
    stream.on("error", reject).resume();
  });
}

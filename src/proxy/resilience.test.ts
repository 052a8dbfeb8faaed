import { afterEach, describe, expect, test } from "bun:test";
import { type AddressInfo, connect, createServer } from "node:net";
import {
  allow,
  authority,
  echo,
  endpointAt,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

const CALLERS = 64;

/** Two replicas, each an app with its agent, and a caller's agent that knows both. */
async function twoReplicas() {
  const apps = [await startApp((_request, response) => setTimeout(() => response.end("ok"), 2)), await startApp(echo)];
  const sides = apps.map((app) => startServerSide(app.port));
  const endpoints = sides.map(({ port }, index) => endpointAt(port, { instance: `back-${index}` }));
  const client = startClientSide({ endpoints });
  return { apps, sides, client, url: `http://127.0.0.1:${client.port}` };
}

/** Asks from as many callers at once until `until` is done; how each request ended that was not answered well. */
async function load(url: string, until: Promise<unknown>, init: RequestInit = {}) {
  let isDone = false;
  void until.then(() => {
    isDone = true;
  });
  let requests = 0;
  const failures: string[] = [];
  const caller = async (): Promise<void> => {
    while (!isDone) {
      requests++;
      const response = await fetch(url, init).catch((cause: Error) => cause);
      if (response instanceof Error) failures.push(response.message);
      else if (response.status !== 200) failures.push(`${response.status} ${response.headers.get("x-heddle-reason")}`);
      else await response.text();
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return { requests, failures };
}

describe(`under the load of ${CALLERS} callers`, () => {
  test.each([
    [
      "an app that is killed",
      async ({ apps }: Awaited<ReturnType<typeof twoReplicas>>) => apps[0]?.server.closeAllConnections(),
    ],
    [
      "an app that goes away",
      async ({ apps }: Awaited<ReturnType<typeof twoReplicas>>) => {
        apps[0]?.server.close();
        apps[0]?.server.closeAllConnections();
      },
    ],
    ["an agent that is killed", async ({ sides }: Awaited<ReturnType<typeof twoReplicas>>) => sides[0]?.proxy.stop()],
    ["an agent that drains", async ({ sides }: Awaited<ReturnType<typeof twoReplicas>>) => sides[0]?.proxy.drain(1000)],
  ])("%s loses no idempotent request", async (_what, happen) => {
    const pair = await twoReplicas();
    const story = Bun.sleep(200)
      .then(() => happen(pair))
      .then(() => Bun.sleep(400));
    const { requests, failures } = await load(pair.url, story);
    console.log(`${requests} requests, ${failures.length} failed`);
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(200);
  });

  test("agents restarted one after the other lose no idempotent request", async () => {
    const pair = await twoReplicas();
    const restart = async (index: number): Promise<void> => {
      const side = pair.sides[index]!;
      const app = pair.apps[index]!;
      await side.proxy.drain(1000);
      side.proxy.stop();
      const again = startServerSide(app.port);
      pair.sides[index] = again;
      const endpoints = pair.sides.map(({ port }, position) => endpointAt(port, { instance: `back-${position}` }));
      pair.client.update({ endpoints });
      await Bun.sleep(150);
    };
    const story = Bun.sleep(150)
      .then(() => restart(0))
      .then(() => restart(1))
      .then(() => restart(0));
    const { requests, failures } = await load(pair.url, story);
    console.log(`${requests} requests, ${failures.length} failed`);
    expect(failures).toEqual([]);
  }, 20_000);
});

test("a request that an app may have acted upon is not sent again", async () => {
  let asked = 0;
  const app = await startApp((request) => {
    asked++;
    request.socket.destroy();
  });
  const side = startServerSide(app.port);
  const client = startClientSide({ endpoints: [endpointAt(side.port)] });
  const response = await fetch(`http://127.0.0.1:${client.port}/`, { method: "POST", body: "once" });
  expect([response.status, response.headers.get("x-heddle-reason"), asked]).toEqual([
    503,
    "upstream-connection-terminated",
    1,
  ]);
});

test("a small body is sent again whole when the app was not reached", async () => {
  const dead = await startApp(echo);
  const deadSide = startServerSide(dead.port);
  dead.server.close();
  const app = await startApp(echo);
  const side = startServerSide(app.port);
  const endpoints = [endpointAt(deadSide.port, { instance: "dead" }), endpointAt(side.port, { instance: "alive" })];
  const client = startClientSide({ endpoints });
  for (let index = 0; index < 20; index++) {
    const response = await fetch(`http://127.0.0.1:${client.port}/`, { method: "POST", body: `body ${index}` });
    expect(response.status).toBe(200);
    expect(((await response.json()) as { body: string }).body).toBe(`body ${index}`);
  }
});

test("when everything fails, retries stay within their budget", async () => {
  const dead = await startApp(echo);
  const sides = [startServerSide(dead.port), startServerSide(dead.port)];
  dead.server.close();
  const endpoints = sides.map(({ port }, index) => endpointAt(port, { instance: `back-${index}` }));
  const client = startClientSide({ endpoints }, authority.identity("shop/front"));
  const REQUESTS = 1000;
  for (let sent = 0; sent < REQUESTS; sent += 50) {
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const response = await fetch(`http://127.0.0.1:${client.port}/`);
        expect(response.status).toBe(503);
        await response.text();
      }),
    );
  }
  const seen = sides.reduce((sum, { recorder }) => {
    const series = recorder.takeBatch(Date.now())?.series ?? [];
    return sum + series.reduce((total, { count }) => total + count, 0);
  }, 0);
  // A fifth, the hundred that is saved at first, and ten a second.
  expect(seen).toBeLessThan(REQUESTS * 1.2 + 100 + 100);
});

test("what a policy forbids is asked once", async () => {
  const app = await startApp(echo);
  const side = startServerSide(app.port, { policies: [allow("test.example/ns/shop/sa/nobody")] });
  const client = startClientSide({ endpoints: [endpointAt(side.port)] });
  expect((await fetch(`http://127.0.0.1:${client.port}/`)).status).toBe(403);
  expect(side.recorder.takeBatch(Date.now())?.samples).toHaveLength(1);
});

/** Passes bytes on until it is told to swallow them, as a network that fails does: nobody is told. */
async function swallower(to: number) {
  let isSwallowing = false;
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    near.on("data", (data: Buffer) => !isSwallowing && far.write(data));
    far.on("data", (data: Buffer) => !isSwallowing && near.write(data));
    for (const [from, other] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("error", () => undefined);
      from.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    swallow: () => {
      isSwallowing = true;
    },
  };
}

test("a peer that is gone without a word is noticed, and its requests go elsewhere", async () => {
  const apps = [await startApp(echo), await startApp(echo)];
  const [one, other] = apps.map(({ port }) => startServerSide(port));
  const network = await swallower(one?.port ?? 0);
  const endpoints = [network.port, other?.port ?? 0].map((port, index) =>
    endpointAt(port, { instance: `back-${index}` }),
  );
  const client = startClientSide({ endpoints, requestTimeoutMs: 20_000, limits: { peerSilenceMs: 100 } });
  const ask = () => fetch(`http://127.0.0.1:${client.port}`).then((response) => response.status);
  expect(await Promise.all(Array.from({ length: 20 }, ask))).not.toContain(503);
  network.swallow();
  const started = performance.now();
  const answers = await Promise.all(Array.from({ length: 20 }, ask));
  expect(new Set(answers)).toEqual(new Set([200]));
  expect(performance.now() - started).toBeLessThan(3000);
}, 20_000);

/** Whom a workload may call is decided by its own agent, before a connection is made. */
import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { operationMatch, type RuleSet, ruleOf, ruleSetOf, sourceMatch } from "#policy";
import {
  authority,
  endpointAt,
  pair,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

const ref = { kind: "NetworkPolicy", namespace: "shop", name: "front-egress" };
const NOBODY: RuleSet = ruleSetOf({ ref, action: "ALLOW", tier: 0 });
const only = (principal: string, ports: readonly string[] = []): RuleSet =>
  ruleSetOf({
    ref,
    action: "ALLOW",
    tier: 0,
    rules: [
      ruleOf({
        from: [sourceMatch({ principals: [principal] })],
        to: ports.length === 0 ? [] : [operationMatch({ ports })],
      }),
    ],
  });
const BACK = "test.example/ns/shop/sa/back";

async function settled(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < 3000; waited += 10) await Bun.sleep(10);
}

async function mesh(egress: readonly RuleSet[], appPort?: number) {
  let asked = 0;
  const app = await startApp((_request, response) => {
    asked++;
    response.end("hello");
  });
  const server = startServerSide(app.port);
  const endpoints = [endpointAt(server.port, appPort === undefined ? {} : { appPort })];
  const client = startClientSide({ endpoints, egress });
  return { server, client, endpoints, url: `http://127.0.0.1:${client.port}/x`, askedOf: () => asked };
}

test("a call that no rule lets out is answered with the policy, and nothing is dialled", async () => {
  const { server, client, url, askedOf } = await mesh([NOBODY]);
  const answer = await fetch(url);
  expect(answer.status).toBe(403);
  expect(answer.headers.get("x-heddle-reason")).toBe("egress-denied");
  expect(answer.headers.get("x-heddle-policy")).toBe(
    "default-deny: no rule of NetworkPolicy/shop/front-egress matched; the port of the app of back-1 is not known",
  );
  expect([askedOf(), server.proxy.state().peerConnections]).toEqual([0, 0]);
  const [sample] = client.recorder.takeBatch(Date.now())?.samples ?? [];
  expect(sample).toMatchObject({ endReason: "egress-denied", verdict: "deny" });
  expect(sample?.policy).toStartWith("default-deny: no rule of NetworkPolicy/shop/front-egress");
});

test("a call that a rule lets out passes, by who is called and by the port of its app", async () => {
  const { client, endpoints, url } = await mesh([only(BACK, ["8080"])], 8080);
  expect(await (await fetch(url)).text()).toBe("hello");
  client.update({ endpoints, egress: [only(BACK, ["8081"])] });
  expect((await fetch(url)).status).toBe(403);
  client.update({ endpoints, egress: [only("test.example/ns/shop/sa/other")] });
  expect((await fetch(url)).headers.get("x-heddle-reason")).toBe("egress-denied");
  client.update({ endpoints });
  expect((await fetch(url)).status).toBe(200);
});

test("of several endpoints those are called that may be", async () => {
  const { client, endpoints, url } = await mesh([only(BACK)]);
  const [back] = endpoints;
  const spiffeId = authority.identity("shop/other").spiffeId;
  const other = { ...back!, instance: "other-1", serviceAccount: "other", spiffeId, port: 1 };
  client.update({ endpoints: [other, back!], egress: [only(BACK)] });
  const answers = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(url)).status));
  expect(new Set(answers)).toEqual(new Set([200]));
});

test("a stream that a new policy of the caller denies is cut off, and a request without an answer is answered", async () => {
  let asked = 0;
  const { server, client, url } = await pair((request, response) => {
    asked++;
    if (request.url === "/stream") response.write("begun\n");
  });
  const streamed = await fetch(`${url}/stream`);
  const waiting = fetch(`${url}/slow`);
  await settled(() => asked === 2);
  client.update({ endpoints: [endpointAt(server.port)], egress: [NOBODY] });
  expect((await Promise.allSettled([streamed.text()]))[0]?.status).toBe("rejected");
  const answer = await waiting;
  expect([answer.status, answer.headers.get("x-heddle-reason")]).toEqual([403, "egress-denied"]);
  expect(answer.headers.get("x-heddle-policy")).toContain("NetworkPolicy/shop/front-egress");
  const reasons = (client.recorder.takeBatch(Date.now())?.samples ?? []).map(({ path, endReason }) => [
    path,
    endReason,
  ]);
  expect(reasons).toContainEqual(["/stream", "egress-denied"]);
});

test("a tunnel ends, and none begins", async () => {
  const app = await startApp(() => undefined);
  app.server.on("connection", (socket) => socket.on("error", () => undefined));
  const server = startServerSide(app.port, { protocol: "tcp" });
  const endpoints = [endpointAt(server.port)];
  const client = startClientSide({ endpoints, protocol: "tcp" });
  const open = () => {
    const socket = connect(client.port, "127.0.0.1");
    stops.push(() => socket.destroy());
    socket.on("error", () => undefined);
    const closed = new Promise<string>((resolve) => socket.on("close", () => resolve("closed")));
    return { socket, closed: () => Promise.race([closed, Bun.sleep(3000).then(() => "open")]) };
  };
  const tunnel = open();
  tunnel.socket.write("GET /");
  await settled(() => server.proxy.state().peerConnections === 1);
  await Bun.sleep(100);
  client.update({ endpoints, protocol: "tcp", egress: [NOBODY] });
  expect(await tunnel.closed()).toBe("closed");
  const refused = open();
  refused.socket.write("x");
  expect(await refused.closed()).toBe("closed");
});

/** A changed policy holds for what is under way, not only for what comes. */
import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { operationMatch, type RuleSet, ruleOf, ruleSetOf } from "#policy";
import {
  endpointAt,
  pair,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

const denying = (paths: readonly string[]): RuleSet => {
  const ref = { kind: "AuthorizationPolicy", namespace: "shop", name: "closed" };
  return ruleSetOf({
    ref,
    action: "DENY",
    rules: [ruleOf(paths.length === 0 ? {} : { to: [operationMatch({ paths })] })],
  });
};
const DENY_ALL = denying([]);

async function settled(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < 3000; waited += 10) await Bun.sleep(10);
}

test("a stream that a new policy denies is cut off, one that it does not mention goes on", async () => {
  const told = new Map<string, string>();
  const { server, url } = await pair((request, response) => {
    response.write("begun\n");
    response.on("close", () => told.set(request.url ?? "", response.writableFinished ? "finished" : "cut off"));
    if (request.url === "/open") setTimeout(() => response.end("ended\n"), 1000);
  });
  const [closed, open] = await Promise.all(["/closed", "/open"].map((path) => fetch(`${url}${path}`)));
  server.update({ policies: [denying(["/closed"])] });
  const reading = await Promise.allSettled([closed?.text(), open?.text()]);
  expect(reading.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  await settled(() => told.size === 2);
  expect(Object.fromEntries(told)).toEqual({ "/closed": "cut off", "/open": "finished" });
  expect((await fetch(`${url}/closed`)).status).toBe(403);
});

test("a request that the app has not answered yet is answered by the policy", async () => {
  let asked = 0;
  const { server, url } = await pair(() => asked++);
  const waiting = fetch(`${url}/slow`);
  await settled(() => asked === 1);
  server.update({ policies: [DENY_ALL] });
  const answer = await waiting;
  expect([answer.status, await answer.text()]).toEqual([
    403,
    expect.stringContaining("AuthorizationPolicy/shop/closed"),
  ]);
});

test("a tunnel of bytes ends", async () => {
  const app = await startApp(() => undefined);
  app.server.on("connection", (socket) => socket.on("error", () => undefined));
  const server = startServerSide(app.port, { protocol: "tcp" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "tcp" });
  const socket = connect(client.port, "127.0.0.1");
  stops.push(() => socket.destroy());
  const ended = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
  socket.write("GET /");
  await settled(() => server.proxy.state().peerConnections === 1);
  await Bun.sleep(100);
  server.update({ policies: [DENY_ALL], protocol: "tcp" });
  await Promise.race([ended, Bun.sleep(3000).then(() => Promise.reject(new Error("the tunnel is still open")))]);
});

test("policies that deny nothing of it change nothing", async () => {
  const { server, url } = await pair((_request, response) => {
    response.write("a");
    setTimeout(() => response.end("b"), 300);
  });
  const answer = await fetch(`${url}/x`);
  server.update({ policies: [denying(["/other"])] });
  server.update({ policies: [] });
  expect(await answer.text()).toBe("ab");
});

/** Policies by the server name that callers ask for in TLS of their own. */
import { afterEach, describe, expect, test } from "bun:test";
import { type AddressInfo, connect, createServer } from "node:net";
import { type RuleSet, ruleOf, ruleSetOf } from "#policy";
import { helloMessage, records, serverName } from "../../test/fakes/client-hello.ts";
import { endpointAt, startApp, startClientSide, startServerSide, stopAll, stops } from "../../test/fakes/proxy-pair.ts";
import { AskedNameReader } from "./inbound/asked-name.ts";
import type { ProxyLimits } from "./limits.ts";

afterEach(stopAll);

const HELLO = records(helloMessage({ extensions: [serverName("vault.example")] }));
const OTHER = records(helloMessage({ extensions: [serverName("other.example")] }));
const NAMELESS = records(helloMessage({ extensions: [] }));

describe("the name", () => {
  const read = (...parts: readonly Uint8Array[]) => {
    const reader = new AskedNameReader();
    return parts.map((each) => reader.read(each)).at(-1);
  };
  test("is read however the hello is cut", () => {
    for (let at = 1; at < HELLO.length; at++)
      expect(read(HELLO.subarray(0, at), HELLO.subarray(at))).toEqual({ state: "known", name: "vault.example" });
  });
  test("is waited for", () => expect(read(HELLO.subarray(0, 40))).toEqual({ state: "more" }));
  test("is none where none is asked for", () => expect(read(NAMELESS)).toEqual({ state: "known", name: "" }));
  test("is none without TLS", () => expect(read(Buffer.from("hello"))).toEqual({ state: "known", name: "" }));
  test("is not known of a hello that cannot be read", () => {
    const broken = Buffer.from(HELLO);
    broken.writeUInt16BE(1, 9);
    expect(read(broken)).toEqual({ state: "known", name: undefined });
  });
});

const ref = { kind: "AuthorizationPolicy", namespace: "shop", name: "names" };
const by = (action: "ALLOW" | "DENY", values: string[]): RuleSet =>
  ruleSetOf({ ref, action, rules: [ruleOf({ when: [{ key: "connection.sni", values, notValues: [] }] })] });

/** An app that takes any bytes and says what came. */
async function tunnels(policies: readonly RuleSet[], limits: Partial<ProxyLimits> = {}) {
  const came: Buffer[] = [];
  const app = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      came.push(Buffer.from(bytes));
      socket.write("taken");
    });
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  stops.push(() => app.close());
  const server = startServerSide((app.address() as AddressInfo).port, { protocol: "tcp", policies, limits });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "tcp" });
  const send = (...parts: readonly Uint8Array[]): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(client.port, "127.0.0.1", () => {
        for (const [index, part] of parts.entries()) setTimeout(() => socket.write(part), index * 20);
      });
      stops.push(() => socket.destroy());
      socket.on("data", (bytes) => resolve(bytes.toString()));
      socket.on("error", () => undefined);
      socket.on("close", () => resolve("closed"));
    });
  return { send, came };
}

describe("bytes with TLS of the caller's own", () => {
  test("pass an ALLOW of their name, whole, and no other does", async () => {
    const { send, came } = await tunnels([by("ALLOW", ["*.example"])]);
    expect(await send(HELLO.subarray(0, 7), HELLO.subarray(7))).toBe("taken");
    expect(Buffer.concat(came)).toEqual(Buffer.from(HELLO));
    expect(await send(NAMELESS)).toBe("closed");
    expect(await send(Buffer.from("no TLS"))).toBe("closed");
  });

  test("meet a DENY of their name, and others on the same connection of agents do not", async () => {
    const { send } = await tunnels([by("DENY", ["other.example"])]);
    expect(await Promise.all([send(HELLO), send(OTHER), send(HELLO), send(OTHER)])).toEqual([
      "taken",
      "closed",
      "taken",
      "closed",
    ]);
  });

  test("meet a DENY where the name cannot be read", async () => {
    const broken = Buffer.from(HELLO);
    broken.writeUInt16BE(1, 9);
    const { send, came } = await tunnels([by("DENY", ["other.example"])]);
    expect(await send(broken)).toBe("closed");
    expect(came).toEqual([]);
  });
});

test("a caller that says nothing is decided after a while, as one whose name is not known", async () => {
  const { send } = await tunnels([by("DENY", ["other.example"])], { headTimeoutMs: 200 });
  const begunMs = performance.now();
  expect(await send()).toBe("closed");
  expect(performance.now() - begunMs).toBeLessThan(3000);
});

test("a request of HTTP from another agent has no name that is known", async () => {
  const app = await startApp((_request, response) => response.end("hello"));
  const server = startServerSide(app.port, { policies: [by("DENY", ["other.example"])] });
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  expect((await fetch(`http://127.0.0.1:${client.port}/`)).status).toBe(403);
});

import { describe, expect, test } from "bun:test";
import { parseBootstrap } from "./bootstrap.ts";

const complete = {
  server: "127.0.0.1:7071",
  namespace: "shop",
  serviceAccount: "cart",
  instance: "cart-1",
  mesh: { address: "127.7.0.2", port: 15008 },
  admin: { address: "127.7.0.2", port: 15020 },
  app: { address: "127.0.0.1", port: 8080, readinessPath: "/healthz", protocol: "auto" },
  outbound: [{ service: "shop/catalog", address: "127.7.0.2", port: 10001 }],
  stateDirectory: "/tmp/cart",
};

const parse = (document: unknown) => parseBootstrap(JSON.stringify(document), "agent.json");

test("a complete document is read, with the safe defaults filled in", () => {
  expect(parse(complete)).toEqual({
    ok: true,
    value: { ...complete, labels: {}, mode: "sidecar", keepKey: false } as never,
  });
});

test("a gateway needs no app", () => {
  const { app: _, ...gateway } = complete;
  expect(parse({ ...gateway, mode: "gateway" }).ok).toBe(true);
});

describe("a fault is told with its field", () => {
  const cases: readonly [string, Record<string, unknown>, string][] = [
    ["a missing server", { server: undefined }, "server"],
    ["a name that is no label", { instance: "Cart_1" }, "instance"],
    ["a port out of range", { mesh: { address: "127.0.0.1", port: 70_000 } }, "mesh.port"],
    ["an unknown mode", { mode: "host" }, "mode"],
    ["a sidecar without its app", { app: undefined }, "app"],
    [
      "an outbound service without a namespace",
      { outbound: [{ service: "x", address: "a", port: 1 }] },
      "outbound[0].service",
    ],
    [
      "a certificate without its key",
      { outbound: [{ service: "a/x", address: "a", port: 1, tls: { certificate: "c.pem" } }] },
      "outbound[0].tls.privateKey",
    ],
    [
      "an app in TLS whose name is not told",
      { app: { ...complete.app, tls: { caCertificates: "ca.pem" } } },
      "app.tls.hostname",
    ],
    ["labels that are not strings", { labels: { version: 1 } }, "labels"],
  ];
  test.each(cases)("%s", (_name, change, field) => {
    const result = parse({ ...complete, ...change });
    expect(result.ok ? [] : result.problems.map((each) => each.at?.field)).toEqual([field]);
  });
});

test("all faults are told at once", () => {
  const result = parse({});
  expect(result.ok ? 0 : result.problems.length).toBeGreaterThan(5);
});

test("text that is not JSON is one clear problem", () => {
  const result = parseBootstrap("{", "agent.json");
  expect(result.ok ? "" : result.problems[0].message).toStartWith("agent.json is not JSON");
});

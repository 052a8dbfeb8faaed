import { expect, test } from "bun:test";
import type { EdgeKey, Party } from "#telemetry";
import type { SeenEdge } from "#telemetry/store";
import { plaintextViewOf } from "./plaintext-view.ts";

const NOBODY: Party = { namespace: "", workload: "", instance: "", principal: "", service: "", version: "" };

function seen(address: string, to: string, change: Partial<EdgeKey & SeenEdge> = {}): SeenEdge {
  const { count = 1, lastSeenMs = 1000, ...edge } = change;
  const [namespace = "", service = ""] = to.split("/");
  const destination = { ...NOBODY, namespace, service, workload: service };
  return {
    count,
    lastSeenMs,
    edge: {
      reporter: "destination",
      source: { ...NOBODY, instance: address },
      destination,
      protocol: "http",
      mtls: false,
      ...edge,
    },
  };
}

test("callers in the clear are told by address and destination, and nobody else is", () => {
  const view = plaintextViewOf({
    nowMs: 9000,
    windowMs: 5000,
    isSeen: (namespace) => namespace !== "secret",
    seen: [
      seen("10.0.0.1", "shop/cart", { count: 2, lastSeenMs: 5000 }),
      seen("10.0.0.1", "shop/cart", { count: 3, lastSeenMs: 4000, protocol: "tcp" }),
      seen("10.0.0.2", "shop/cart"),
      seen("10.0.0.1", "shop/orders", { count: 4 }),
      seen("", "shop/cart"),
      seen("10.0.0.3", "shop/cart", { mtls: true }),
      seen("10.0.0.4", "shop/cart", { reporter: "source" }),
      seen("10.0.0.5", "secret/vault"),
    ],
  });
  expect(view).toEqual({
    generatedAtMs: 9000,
    windowMs: 5000,
    callers: [
      { address: "10.0.0.1", destination: "shop/cart", requests: 5, lastSeenMs: 5000 },
      { address: "10.0.0.1", destination: "shop/orders", requests: 4, lastSeenMs: 1000 },
      { address: "", destination: "shop/cart", requests: 1, lastSeenMs: 1000 },
      { address: "10.0.0.2", destination: "shop/cart", requests: 1, lastSeenMs: 1000 },
    ],
  });
});

/** `npm run bench -- replay`: how long it takes to simulate a change of policies over recorded kinds of requests. */
import { Database } from "bun:sqlite";
import { parseArgs } from "node:util";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import type { DecisionDelta, EdgeKey, Party } from "#telemetry";
import { TelemetryStore } from "#telemetry/store";
import { simulate } from "../../src/server/policy/simulation.ts";
import { shopSnapshot } from "../../test/fakes/shop-snapshot.ts";

const NOW_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const BATCH = 10_000;
const BOUND_SECONDS = 10;

const CALLS = [
  ["lb", "storefront"],
  ["storefront", "catalog"],
  ["storefront", "cart"],
  ["storefront", "checkout"],
  ["storefront", "recommendations"],
  ["checkout", "cart"],
  ["checkout", "payments"],
  ["checkout", "inventory"],
  ["catalog", "inventory"],
  ["recommendations", "catalog"],
] as const;
const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;

/** Denies some of what one caller asks, and names paths, so that every request has to be decided by its path. */
const CHANGE = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: change, namespace: shop }
spec:
  action: DENY
  rules:
    - from: [{ source: { principals: [shop.example/ns/shop/sa/lb] } }]
      to: [{ operation: { paths: ["/part-1*"] } }]
    - to: [{ operation: { methods: [PUT], paths: ["/admin/*", "/internal/{*}/keys"] } }]
`;

const party = (service: string): Party => ({
  namespace: "shop",
  workload: service,
  instance: `${service}-1`,
  principal: `spiffe://shop.example/ns/shop/sa/${service}`,
  service,
  version: "",
});

const EDGES = CALLS.map(
  ([source, destination]): EdgeKey => ({
    reporter: "destination",
    source: party(source),
    destination: party(destination),
    protocol: "http",
    mtls: true,
  }),
);

function decisionOf(index: number): DecisionDelta {
  const shape = Math.floor(index / CALLS.length / METHODS.length);
  return {
    edge: index % CALLS.length,
    count: 1 + (index % 9),
    port: 8080,
    detail: "whole",
    method: METHODS[Math.floor(index / CALLS.length) % METHODS.length] ?? "GET",
    path: `/part-${shape}/{*}`,
    host: "shop.example",
    token: "unread",
    issuer: "",
    verdict: "allow",
    isExternal: false,
    policy: "AuthorizationPolicy/shop/callers",
    rule: 0,
    observedVerdict: "none",
    observedPolicy: "",
  };
}

function recorded(kinds: number): TelemetryStore {
  const store = new TelemetryStore({ database: new Database(":memory:"), limits: { bytesMax: 8 * 1024 ** 3 } });
  valueOrThrow(store.open());
  const fromMs = NOW_MS - DAY_MS;
  const nothing = { series: [], samples: [], refusals: [], events: [], droppedSamples: 0, unrecordedDecisions: 0 };
  for (let from = 0; from < kinds; from += BATCH) {
    const decisions = Array.from({ length: Math.min(BATCH, kinds - from) }, (_, index) => decisionOf(from + index));
    const batch = { fromMs, toMs: fromMs + 1000, edges: EDGES, decisions, ...nothing };
    valueOrThrow(store.ingest({ reporter: "x", session: "s", sequence: from + 1, batch, nowMs: NOW_MS }));
  }
  return store;
}

export async function replayed(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...words], options: { kinds: { type: "string", default: "1000000" } } });
  const kinds = Number(values.kinds);
  console.error(`recording ${kinds.toLocaleString("en")} kinds of requests`);
  const decisions = recorded(kinds);
  const given = valueOrThrow(parseManifests([{ file: "change.yaml", text: CHANGE }]));
  const span = { nowMs: NOW_MS, fromMs: NOW_MS - 7 * DAY_MS, toMs: NOW_MS, limit: 20, isSeen: () => true };
  const startedMs = performance.now();
  const view = await simulate(
    { snapshot: shopSnapshot(), decisions },
    { given, deleted: [] },
    { ...span, turn: () => new Promise((resolve) => setImmediate(resolve)) },
  );
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`${view.replayed.toLocaleString("en")} replayed, ${view.newlyDenied.toLocaleString("en")} requests newly denied
${seconds.toFixed(1)} s, ${((seconds / kinds) * 1e6).toFixed(1)} µs a kind (bound ${BOUND_SECONDS} s for a million)`);
}

import { expect, test } from "bun:test";
import { type MeshSnapshot, nextSnapshot } from "#mesh";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import type { ObservedRequest } from "#telemetry";
import { shopSnapshot } from "../../../test/fakes/shop-snapshot.ts";
import { flowExplanationOf } from "./flow-explanation.ts";

const NO_PARTY = { namespace: "", workload: "", instance: "", principal: "", service: "", version: "" };
const INVENTORY = {
  ...NO_PARTY,
  namespace: "shop",
  workload: "inventory",
  instance: "inventory-1",
  service: "inventory",
};
const STOREFRONT = {
  ...NO_PARTY,
  namespace: "shop",
  workload: "storefront",
  principal: "spiffe://shop.example/ns/shop/sa/storefront",
};
const LABEL =
  "default-deny: no rule of AuthorizationPolicy/shop/default-deny, AuthorizationPolicy/shop/inventory-callers matched";

const SAMPLE: ObservedRequest = {
  edge: { reporter: "destination", source: STOREFRONT, destination: INVENTORY, protocol: "http", mtls: true },
  kept: "denied",
  traceId: "",
  spanId: "00f067aa0ba902b7",
  parentSpanId: "",
  receivedUs: 1000,
  chosenUs: 0,
  sentUs: 0,
  firstByteUs: 0,
  doneUs: 2000,
  status: 403,
  endReason: "policy-denied",
  requestBytes: 0,
  responseBytes: 0,
  method: "GET",
  path: "/stock/7",
  authority: "inventory",
  verdict: "deny",
  policy: LABEL,
  rule: -1,
  observedVerdict: "none",
  observedPolicy: "",
  audits: [],
};

function explained(change: Partial<ObservedRequest> = {}, snapshot: MeshSnapshot = shopSnapshot()) {
  return flowExplanationOf(snapshot, { ...SAMPLE, ...change }, 0);
}

function withPolicy(spec: string): MeshSnapshot {
  const shop = shopSnapshot();
  const text = `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: more, namespace: shop }, spec: ${spec} }`;
  const more = valueOrThrow(parseManifests([{ file: "p.yaml", text }]));
  return nextSnapshot(shop, { resources: [...shop.inputs.resources, ...more] });
}

test("a denied flow is decided by today's policies as it was, and its nearest miss is told", () => {
  const { today, flow, explanation } = explained();
  expect(explanation.outcomes[0]?.label).toBe(LABEL);
  expect([today, flow.id]).toEqual(["same", "00f067aa0ba902b7"]);
  expect(explanation.outcomes[0]?.nearestMiss).toMatchObject({
    label: "AuthorizationPolicy/shop/inventory-callers",
    failed: ["principals"],
  });
});

test("a policy that has come since is told by what it does to the flow", () => {
  const from = "from: [{ source: { principals: [shop.example/ns/shop/sa/storefront] } }]";
  expect(explained({}, withPolicy(`{ rules: [{ ${from} }] }`)).today).toBe("differs");
  expect(explained({}, withPolicy(`{ action: DENY, rules: [{ ${from} }] }`)).today).toBe("same-by-other-rule");
});

test("a flow that the caller's own policies do not let out is explained by them", () => {
  const text =
    "{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: out, namespace: shop }, spec: { podSelector: { matchLabels: { app: storefront } }, policyTypes: [Egress] } }";
  const shop = shopSnapshot();
  const more = valueOrThrow(parseManifests([{ file: "p.yaml", text }]));
  const closed = nextSnapshot(shop, { resources: [...shop.inputs.resources, ...more] });
  const source = { ...STOREFRONT, instance: "storefront-1" };
  const destination = { ...INVENTORY, workload: "", instance: "" };
  const edge = { ...SAMPLE.edge, reporter: "source" as const, source, destination };
  const policy = "default-deny: no rule of NetworkPolicy/shop/out matched";
  const denied = { edge, policy, endReason: "egress-denied" } as const;
  const { today, notes, explanation } = explained(denied, closed);
  expect([today, notes, explanation.outcomes.map(({ reason }) => reason)]).toEqual(["same", [], ["egress-denied"]]);
  expect(explained(denied).today).toBe("same-by-other-rule");
});

test("what today's policies would look at and is not kept makes it unknown", () => {
  const spec = '{ rules: [{ when: [{ key: "request.headers[x-team]", values: [a] }] }] }';
  const { today, explanation } = explained({}, withPolicy(spec));
  expect([today, explanation.outcomes[0]?.dependsOn]).toEqual(["unknown", ["request.headers[x-team]"]]);
});

test("of a path that was cut off it is not said how it went on", () => {
  const path = `/stock${"/x".repeat(200)}`.slice(0, 256);
  const source = { ...STOREFRONT, workload: "catalog", principal: "spiffe://shop.example/ns/shop/sa/catalog" };
  const { explanation } = explained({ path, edge: { ...SAMPLE.edge, source } });
  expect(explanation.outcomes[0]?.unknown).toContain("request.path");
});

test("a replica that has gone is stood for by those that its service has", () => {
  const gone = { ...SAMPLE.edge, destination: { ...INVENTORY, instance: "inventory-9" } };
  const { notes, explanation } = explained({ edge: gone });
  expect(explanation.outcomes[0]?.instances).toEqual(["inventory-1"]);
  expect(notes).toEqual(["inventory-9 has gone; these are the replicas that shop/inventory has now."]);
  const lost = { ...gone, destination: { ...gone.destination, service: "none" } };
  expect(explained({ edge: lost })).toMatchObject({ today: "unknown", explanation: { outcomes: [] } });
});

test.each([
  ["token-invalid", "Its token was refused, before any policy was asked."],
  ["external-denied", "An external authorizer denied it; it is not asked again."],
] as const)("%s was not decided by these policies", (endReason, note) => {
  expect(explained({ endReason })).toMatchObject({ today: "unknown", notes: [note] });
});

import { expect, test } from "bun:test";
import { nextSnapshot } from "#mesh";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { shopSnapshot } from "../../../test/fakes/shop-snapshot.ts";
import { exportView } from "./export-view.ts";

const request = { to: "istio", namespace: undefined, nowMs: 0 } as const;

function withPolicy(text: string, label: Readonly<Record<string, string>> = {}) {
  const snapshot = shopSnapshot();
  const second = { ...snapshot.inputs.registrations.get("shop/cart-1")!, instance: "cart-2" };
  const registrations = new Map([
    ...snapshot.inputs.registrations,
    ["shop/cart-2", { ...second, labels: { ...second.labels, ...label } }],
  ]);
  const given = valueOrThrow(parseManifests([{ file: "p.yaml", text }]));
  return nextSnapshot(snapshot, { registrations, resources: [...snapshot.inputs.resources, ...given] });
}

const FOR_V2 = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec: { selector: { matchLabels: { version: v2 } }, action: DENY, rules: [{}] }
`;

test("the shop is written whole for Istio, by the labels of its workloads", () => {
  const { workloads, documents, notes } = exportView(shopSnapshot(), request);
  expect(workloads.length).toBe(9);
  expect(notes).toEqual([]);
  expect(documents.length).toBe(11);
  expect(documents).toContainEqual({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { namespace: "shop", name: "payments-deny" },
    spec: {
      selector: { matchLabels: { app: "payments" } },
      action: "DENY",
      rules: [{ from: [{ source: { notPrincipals: ["shop.example/ns/shop/sa/checkout"] } }] }],
    },
  });
});

test("replicas with labels and policies of their own are written by themselves, and the rest is closed", () => {
  const { workloads, notes } = exportView(withPolicy(FOR_V2, { version: "v2" }), request);
  expect(workloads).toContain("shop/cart-2");
  expect(notes).toEqual([
    {
      workload: "shop/cart",
      policy: "Service/shop/cart",
      rule: -1,
      effect: "denies-more",
      message: "has no labels that only its own replicas bear (cart-2 has them too), and is closed there",
    },
  ]);
});

test("a policy for nobody who runs is told to be not there", () => {
  const { notes } = exportView(withPolicy(FOR_V2), request);
  expect(notes.map(({ policy, effect }) => [policy, effect])).toEqual([
    ["AuthorizationPolicy/shop/closed", "not-written"],
  ]);
});

test("without a label in common replicas are not written: to select by nothing would be to select all", () => {
  const snapshot = shopSnapshot();
  const lone = { ...snapshot.inputs.registrations.get("shop/cart-1")!, labels: {} };
  const service = `
{ apiVersion: v1, kind: Service, metadata: { name: cart, namespace: shop, annotations: { heddle.dev/service-accounts: cart } }, spec: { selector: { app: cart }, ports: [{ port: 80 }] } }
`;
  const registrations = new Map([
    ["shop/cart-1", { ...lone, labels: { "heddle.dev/service": "cart" } }],
    ["shop/cart-2", { ...lone, instance: "cart-2", labels: { app: "cart" } }],
  ]);
  const resources = valueOrThrow(parseManifests([{ file: "e.yaml", text: service }]));
  const { workloads, notes } = exportView(nextSnapshot(snapshot, { registrations, resources }), request);
  expect(workloads).toEqual([]);
  expect(notes.map(({ policy, effect }) => [policy, effect])).toEqual([["Service/shop/cart", "not-written"]]);
});

test("one namespace alone", () => {
  expect(exportView(shopSnapshot(), { ...request, namespace: "elsewhere" })).toEqual({
    workloads: [],
    documents: [],
    text: "",
    notes: [],
  });
});

test("what verifies tokens goes with the rules that look at them", () => {
  const people = `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: people, namespace: shop }
spec: { jwtRules: [{ issuer: "https://id.example" }] }
`;
  const { documents } = exportView(withPolicy(people), request);
  expect(documents[0]).toMatchObject({ kind: "RequestAuthentication", metadata: { name: "people" } });
});

test("how callers prove who they are goes with the rules, and plaintext that is refused here is refused there", () => {
  const modeOf = (spec: string, namespace = "shop") =>
    exportView(
      withPolicy(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: peers, namespace: ${namespace} }
spec: ${spec}
`),
      request,
    )
      .documents.filter(({ kind }) => kind === "PeerAuthentication")
      .map(({ metadata, spec: written }) => [(metadata as { readonly name: string }).name, JSON.stringify(written)]);
  const strict = ["heddle-default", '{"mtls":{"mode":"STRICT"}}'];
  const permissive = '{"mtls":{"mode":"PERMISSIVE"}}';
  expect(modeOf("{}")).toEqual([strict]);
  expect(modeOf("{ mtls: { mode: PERMISSIVE } }")).toEqual([["peers", permissive]]);
  expect(modeOf("{ mtls: { mode: PERMISSIVE } }", "heddle-system")).toEqual([
    ["peers", permissive],
    ["heddle-default", permissive],
  ]);
  expect(modeOf("{ selector: { matchLabels: { app: cart } }, mtls: { mode: DISABLE } }").at(-1)).toEqual(strict);
});

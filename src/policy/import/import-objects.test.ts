import { expect, test } from "bun:test";
import { parseAllDocuments } from "yaml";
import { valueOrThrow } from "#model";
import { parseManifests, writeManifests } from "#model/manifest";
import { importObjects } from "./index.ts";

function imported(text: string) {
  const { objects, notes } = importObjects(parseAllDocuments(text).map((each) => each.toJS()));
  const files = objects.map((each, index) => ({ file: `${index}`, text: JSON.stringify(each) }));
  return { yaml: writeManifests(valueOrThrow(parseManifests(files))), notes };
}

const META = `
    uid: 0b0c
    resourceVersion: "123"
    generation: 2
    creationTimestamp: "2026-01-01T00:00:00Z"
    managedFields: [{ manager: kubectl }]
    annotations: { kubectl.kubernetes.io/last-applied-configuration: "{}", team: payments }`;

test("a list as a cluster gives it out", () => {
  const { yaml, notes } = imported(`
apiVersion: v1
kind: List
items:
- apiVersion: security.istio.io/v1beta1
  kind: AuthorizationPolicy
  metadata:
    name: callers
    namespace: shop${META}
  spec: { selector: { matchLabels: { app: cart } }, rules: [{ from: [{ source: { principals: [td/ns/shop/sa/web] } }] }] }
  status: { observedGeneration: 2 }
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: { name: net, namespace: shop }
  spec: { podSelector: {}, policyTypes: [Ingress], ingress: [{ from: [{ namespaceSelector: { matchLabels: { tier: front } } }] }] }
- { apiVersion: v1, kind: ConfigMap, metadata: { name: c, namespace: shop } }
`);
  expect(notes).toEqual([{ object: "ConfigMap/shop/c", effect: "same", message: "is no policy, and is passed over" }]);
  expect(yaml).toBe(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  namespace: shop
  name: callers
  annotations:
    team: payments
spec:
  selector:
    matchLabels:
      app: cart
  action: ALLOW
  rules:
    - from:
        - source:
            principals:
              - td/ns/shop/sa/web
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  namespace: shop
  name: net
spec:
  podSelector: {}
  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              tier: front
`);
});

const istio = (spec: string) =>
  `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: a, namespace: shop }, spec: ${spec} }`;
const network = (spec: string) =>
  `{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: a, namespace: shop }, spec: ${spec} }`;
const filter = "{ key: experimental.envoy.filters.a, values: [b] }";

test.each([
  [
    "a target without its Service",
    istio("{ targetRefs: [{ kind: Service, group: '', name: cart }], rules: [{}] }"),
    "lost",
    "",
  ],
  ["a gateway", istio("{ targetRef: { kind: Gateway, name: edge }, rules: [{}] }"), "lost", ""],
  ["an ALLOW by what is not known", istio(`{ rules: [{ when: [${filter}] }] }`), "denies-more", "rules: []"],
  [
    "a DENY by what is not known",
    istio(`{ action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }], when: [${filter}] }] }`),
    "denies-more",
    "- GET",
  ],
  ["an external authorizer", istio("{ action: CUSTOM, provider: { name: opa }, rules: [{}] }"), "denies-more", "opa"],
  [
    "egress alone",
    network("{ podSelector: {}, policyTypes: [Egress], egress: [{}] }"),
    "lost",
    "policyTypes:\n    - Egress\n  egress:\n    - {}",
  ],
  [
    "egress beside ingress",
    network("{ podSelector: {}, policyTypes: [Ingress, Egress], egress: [{}], ingress: [{}] }"),
    "lost",
    "ingress:\n    - {}\n  egress:\n    - {}",
  ],
  [
    "egress that its types leave out",
    network("{ podSelector: {}, policyTypes: [Ingress], egress: [{}], ingress: [{}] }"),
    "same",
    "ingress:\n    - {}",
  ],
  [
    "ports by name alone",
    network("{ podSelector: {}, ingress: [{ ports: [{ port: http }] }] }"),
    "denies-more",
    "ingress: []",
  ],
  [
    "ports by name and number",
    network("{ podSelector: {}, ingress: [{ ports: [{ port: http }, { port: 80 }] }] }"),
    "denies-more",
    "port: 80",
  ],
  [
    "pods",
    network("{ podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }] }] }"),
    "same",
    "app: web",
  ],
  [
    "a kind that decides and is not imported",
    "{ apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: { name: a, namespace: shop } }",
    "lost",
    "",
  ],
] as const)("%s is noted", (_, text, effect, part) => {
  const { yaml, notes } = imported(text);
  expect(notes.map((each) => each.effect)).toEqual([effect]);
  if (part === "") expect(yaml).toBe("");
  else expect(yaml).toContain(part);
});

test("a target whose Service is given too is selected as the Service selects", () => {
  const service =
    "{ apiVersion: v1, kind: Service, metadata: { name: cart, namespace: shop }, spec: { selector: { app: cart } } }";
  const policy = istio("{ targetRefs: [{ kind: Service, group: '', name: cart }], rules: [{}] }");
  expect(imported(`${service}\n---\n${policy}`).yaml).toContain("matchLabels:\n      app: cart");
});

test("what verifies tokens is taken as it is", () => {
  const { yaml, notes } = imported(
    "{ apiVersion: security.istio.io/v1beta1, kind: RequestAuthentication, metadata: { name: people, namespace: shop }, spec: { jwtRules: [{ issuer: 'https://id.example' }] } }",
  );
  expect(notes).toEqual([]);
  expect(yaml).toContain("issuer: https://id.example");
});

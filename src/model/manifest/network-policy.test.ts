import { expect, test } from "bun:test";
import { parseManifests, writeManifests } from "./index.ts";

const HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: a, namespace: shop }\nspec: ";

function read(spec: string) {
  return parseManifests([{ file: "a.yaml", text: `${HEAD}${spec}\n` }]);
}

test.each([
  "{ podSelector: {} }",
  "{ podSelector: {}, policyTypes: [Ingress], ingress: [{}] }",
  "{ podSelector: {}, policyTypes: [Egress] }",
  "{ podSelector: {}, policyTypes: [Ingress, Egress] }",
  "{ podSelector: {}, egress: [{ to: [{ namespaceSelector: {} }, { ipBlock: { cidr: 10.0.0.0/8 } }], ports: [{ port: 80, endPort: 90 }] }] }",
  "{ podSelector: {}, policyTypes: [Egress], egress: [{}] }",
  "{ podSelector: { matchExpressions: [{ key: a, operator: In, values: [b] }] }, ingress: [{ from: [{ podSelector: {} }, { namespaceSelector: {} }] }] }",
  "{ podSelector: { matchLabels: { a: b } }, ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.1.0.0/16] } }], ports: [{ port: 80, endPort: 90 }, { protocol: UDP }] }] }",
])("%s is the same when written and read again", (spec) => {
  const first = read(spec);
  if (!first.ok) throw new Error(JSON.stringify(first.problems));
  expect(parseManifests([{ file: "a.yaml", text: writeManifests(first.value) }])).toEqual(first);
});

test.each([
  [
    "egress that its types leave out",
    "{ podSelector: {}, policyTypes: [Ingress], egress: [{}] }",
    "spec.egress does nothing where `policyTypes` do not name `Egress`",
  ],
  [
    "ingress that its types leave out",
    "{ podSelector: {}, policyTypes: [Egress], ingress: [{}] }",
    "spec.ingress does nothing where",
  ],
  ["an unknown type", "{ podSelector: {}, policyTypes: [Outwards] }", "spec.policyTypes[0]"],
  ["a caller of egress", "{ podSelector: {}, egress: [{ from: [{ podSelector: {} }] }] }", "egress[0]"],
  ["no selector", "{ ingress: [{}] }", "spec.podSelector is missing"],
  [
    "a peer of both kinds",
    "{ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8 }, podSelector: {} }] }] }",
    "from[0] must have either",
  ],
  ["a peer of no kind", "{ podSelector: {}, ingress: [{ from: [{}] }] }", "from[0] must have either"],
  [
    "a block without a length",
    "{ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.1 } }] }] }",
    "cidr must be a block",
  ],
  ["a port by name", "{ podSelector: {}, ingress: [{ ports: [{ port: http }] }] }", "ports[0].port must be a number"],
  [
    "a range without a beginning",
    "{ podSelector: {}, ingress: [{ ports: [{ endPort: 9 }] }] }",
    "ports[0].endPort needs a `port`",
  ],
  [
    "a range that runs backwards",
    "{ podSelector: {}, ingress: [{ ports: [{ port: 9, endPort: 8 }] }] }",
    "ports[0].endPort needs a `port`",
  ],
  [
    "an expression without its values",
    "{ podSelector: { matchExpressions: [{ key: a, operator: In }] } }",
    "values is missing",
  ],
])("%s is refused at its place", (_name, spec, want) => {
  const result = read(spec);
  const told = result.ok ? "" : result.problems.map(({ at, message }) => `${at?.field} ${message}`).join("; ");
  expect(told).toContain(want);
});

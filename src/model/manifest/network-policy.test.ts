import { expect, test } from "bun:test";
import { parseManifests, writeManifests } from "./index.ts";

const HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: a, namespace: shop }\nspec: ";

function read(spec: string) {
  return parseManifests([{ file: "a.yaml", text: `${HEAD}${spec}\n` }]);
}

test.each([
  "{ podSelector: {} }",
  "{ podSelector: {}, policyTypes: [Ingress], ingress: [{}] }",
  "{ podSelector: { matchExpressions: [{ key: a, operator: In, values: [b] }] }, ingress: [{ from: [{ podSelector: {} }, { namespaceSelector: {} }] }] }",
  "{ podSelector: { matchLabels: { a: b } }, ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.1.0.0/16] } }], ports: [{ port: 80, endPort: 90 }, { protocol: UDP }] }] }",
])("%s is the same when written and read again", (spec) => {
  const first = read(spec);
  if (!first.ok) throw new Error(JSON.stringify(first.problems));
  expect(parseManifests([{ file: "a.yaml", text: writeManifests(first.value) }])).toEqual(first);
});

test.each([
  [
    "egress",
    "{ podSelector: {}, egress: [{}] }",
    "spec.egress rules of egress are not enforced; write the rule as `ingress`",
  ],
  [
    "the type of egress",
    "{ podSelector: {}, policyTypes: [Ingress, Egress] }",
    "spec.policyTypes[1] policies of egress",
  ],
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

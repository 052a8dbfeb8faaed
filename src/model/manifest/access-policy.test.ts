import { expect, test } from "bun:test";
import { parseManifests, writeManifests } from "./index.ts";

const HEAD = "apiVersion: heddle.dev/v1\nkind: AccessPolicy\nmetadata: { name: a, namespace: shop }\nspec: ";

function read(spec: string) {
  return parseManifests([{ file: "a.yaml", text: `${HEAD}${spec}\n` }]);
}

test.each([
  "{ action: Reject, rules: [{}] }",
  "{ action: Allow, rules: [{ condition: port > 80 }, { mode: Observe }] }",
  `{ action: Allow, selector: { matchLabels: { app: cart } }, propagation: Guardrail, fallback: true,
    expires: "2026-12-31T23:00:00Z", schedule: [{ days: [Mon, Sat], from: "09:30", to: "17:00", timeZone: Europe/Berlin }, { from: "22:00", to: "06:00" }], rules: [{ subjects: [{ identities: [a],
    namespaces: [b], namespaceLabels: { c: d }, accountLabels: { e: f }, addresses: [10.0.0.0/8], claims: { role: [g] } }],
    operations: [{ methods: [GET], paths: ["/{*}"] }] }] }`,
])("%s is the same when written and read again", (spec) => {
  const first = read(spec);
  if (!first.ok) throw new Error(JSON.stringify(first.problems));
  expect(parseManifests([{ file: "a.yaml", text: writeManifests(first.value) }])).toEqual(first);
});

test.each([
  ["no action", "{ rules: [{}] }", "spec.action is missing"],
  ["a word of Istio's", "{ action: ALLOW, rules: [{}] }", "spec.action must be `Allow` or `Reject`"],
  [
    "a time zone that is none",
    `{ action: Allow, schedule: [{ from: "09:00", to: "10:00", timeZone: X }], rules: [{}] }`,
    "timeZone must be",
  ],
  [
    "an hour that is none",
    `{ action: Allow, schedule: [{ from: "24:00", to: "10:00" }], rules: [{}] }`,
    "from must be a time",
  ],
  ["a date that is none", `{ action: Allow, expires: tomorrow, rules: [{}] }`, "spec.expires"],
  [
    "a condition on what is not known",
    "{ action: Allow, rules: [{ condition: nope == 1 }] }",
    "rules[0].condition is no condition: Unknown variable",
  ],
  ["a condition that is no question", "{ action: Allow, rules: [{ condition: method }] }", "comes to string"],
  ["a condition with a pattern", "{ action: Allow, rules: [{ condition: path.matches(method) }] }", "uses `matches`"],
  [
    "a condition of loops",
    "{ action: Allow, rules: [{ condition: 'claims.a.all(x, claims.b.all(y, x == y))' }] }",
    "goes over a list more than once",
  ],
  ["no rule", "{ action: Allow, rules: [] }", "spec.rules must have at least one rule"],
  ["a subject that says nothing", "{ action: Allow, rules: [{ subjects: [{}] }] }", "subjects[0] says nothing"],
  ["an address that is none", "{ action: Allow, rules: [{ subjects: [{ addresses: [x] }] }] }", "addresses[0] must be"],
  ["a claim without values", "{ action: Allow, rules: [{ subjects: [{ claims: { a: [] } }] }] }", "claims.a must have"],
  [
    "a claim with no name",
    '{ action: Allow, rules: [{ subjects: [{ claims: { "a]": [b] } }] }] }',
    "is no name of a claim",
  ],
  [
    "labels that a workload claims",
    "{ action: Allow, rules: [{ subjects: [{ labels: { a: b } }] }] }",
    "no field `labels`",
  ],
])("%s is refused at its place", (_name, spec, want) => {
  const result = read(spec);
  const told = result.ok ? "" : result.problems.map(({ at, message }) => `${at?.field} ${message}`).join("; ");
  expect(told).toContain(want);
});

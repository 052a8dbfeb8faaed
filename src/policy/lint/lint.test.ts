import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { compilePolicy, decide, type RequestAttributes, type RuleSet } from "#policy";
import { policyCase } from "../../../test/fakes/policy-cases.ts";
import { coveringRemarks } from "./covering.ts";
import { type AnyPolicy, LINT_CODES, type LintFacts, lintPolicies } from "./index.ts";
import { lintedRules } from "./linted-policy.ts";
import { matchingRemarks } from "./matching.ts";
import { RuleIndex } from "./rule-index.ts";

const NOW_MS = Date.parse("2026-03-04T12:00:00Z");

const MESH = `
{ apiVersion: v1, kind: Namespace, metadata: { name: shop, labels: { tier: front } } }
---
{ apiVersion: v1, kind: Namespace, metadata: { name: shop-eu, labels: { heddle.dev/parent: shop } } }
---
{ apiVersion: v1, kind: ServiceAccount, metadata: { name: web, namespace: shop, labels: { team: face } } }
`;

function facts(of = valueOrThrow(parseManifests([{ file: "mesh.yaml", text: MESH }]))): LintFacts {
  const workload = (name: string) => ({ namespace: "shop", serviceAccount: name, labels: { app: name } });
  return {
    trustDomain: "td",
    federated: ["partner.example"],
    rootNamespace: "heddle-system",
    nowMs: NOW_MS,
    namespaces: of.filter(({ kind }) => kind === "Namespace"),
    accounts: of.filter(({ kind }) => kind === "ServiceAccount"),
    workloads: ["web", "cart", "orders"].map(workload),
    authorizers: ["gate"],
    services: ["web", "cart", "orders"].map((name) => ({ namespace: "shop", name })),
  };
}

const META: Readonly<Record<string, string>> = {
  AuthorizationPolicy: "security.istio.io/v1",
  AccessPolicy: "heddle.dev/v1",
  NetworkPolicy: "networking.k8s.io/v1",
};

/** `name: spec`, of AuthorizationPolicies unless the name says otherwise: `AccessPolicy/name`, `name@namespace`. */
function policies(specs: Readonly<Record<string, string>>): readonly AnyPolicy[] {
  const text = Object.entries(specs).map(([key, spec]) => {
    const [kind, named] = key.includes("/") ? key.split("/") : ["AuthorizationPolicy", key];
    const [name, namespace = "shop"] = (named ?? "").split("@");
    return `{ apiVersion: ${META[kind ?? ""]}, kind: ${kind}, metadata: { name: ${name}, namespace: ${namespace} }, spec: ${spec} }`;
  });
  return valueOrThrow(parseManifests([{ file: "p.yaml", text: text.join("\n---\n") }])) as readonly AnyPolicy[];
}

function found(specs: Readonly<Record<string, string>>): readonly string[] {
  return lintPolicies(policies(specs), facts()).map(
    ({ code, severity, policy, rule }) => `${severity} ${code} ${policy.name}${rule < 0 ? "" : `#${rule}`}`,
  );
}

const web = "from: [{ source: { principals: [td/ns/shop/sa/web] } }]";
const get = "to: [{ operation: { methods: [GET] } }]";

test("rules of egress are compared with each other, and are told as such", () => {
  const network = (spec: string) => ({ "NetworkPolicy/n": spec });
  const both =
    "{ podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }], egress: [{ to: [{ podSelector: {} }] }] }";
  expect(found(network(both))).toEqual([]);
  const [unborne, ...others] = lintPolicies(
    policies(
      network(
        "{ podSelector: {}, policyTypes: [Egress], egress: [{ to: [{ podSelector: { matchLabels: { a: b } } }] }] }",
      ),
    ),
    facts(),
  );
  expect(others).toEqual([]);
  expect(unborne).toMatchObject({ code: "unenforceable", rule: 0 });
  expect(unborne?.message).toStartWith(
    "Of egress: The rule cannot be decided where it is enforced, and it never allows",
  );
  const twice = "{ podSelector: {}, policyTypes: [Egress], egress: [{}, { ports: [{ port: 80 }] }] }";
  expect(found(network(twice))).toEqual(["warning shadowed n#1"]);
});

describe("rules that others leave nothing to decide", () => {
  test.each([
    [
      "an ALLOW within a DENY",
      { a: `{ rules: [{ ${web}, ${get} }] }`, d: `{ action: DENY, rules: [{ ${web} }] }` },
      ["error contradictory a#0"],
    ],
    [
      "a DENY of a namespace over an account of it",
      { a: `{ rules: [{ ${web} }] }`, d: "{ action: DENY, rules: [{ from: [{ source: { namespaces: [shop] } }] }] }" },
      ["error contradictory a#0"],
    ],
    [
      "a DENY of all but another account",
      {
        a: `{ rules: [{ ${web} }] }`,
        d: "{ action: DENY, rules: [{ from: [{ source: { notPrincipals: [td/ns/shop/sa/cart] } }] }] }",
      },
      ["error contradictory a#0"],
    ],
    [
      "a narrower ALLOW beside a wider",
      { a: `{ rules: [{ ${web}, ${get} }] }`, b: `{ rules: [{ ${web} }] }` },
      ["warning shadowed a#0"],
    ],
    ["of two that are equal, the later", { a: `{ rules: [{ ${web} }, { ${web} }] }` }, ["warning shadowed a#1"]],
    [
      "a prefix within a prefix",
      {
        a: `{ rules: [{ ${web}, to: [{ operation: { paths: [/a/b/*] } }] }, { ${web}, to: [{ operation: { paths: [/a/*] } }] }] }`,
      },
      ["warning shadowed a#0"],
    ],
    [
      "one that holds elsewhere",
      {
        a: `{ selector: { matchLabels: { app: cart } }, rules: [{ ${web} }] }`,
        b: `{ selector: { matchLabels: { app: orders } }, rules: [{ ${web} }] }`,
      },
      [],
    ],
    [
      "one that holds everywhere in the namespace",
      { a: `{ selector: { matchLabels: { app: cart } }, rules: [{ ${web} }] }`, b: `{ rules: [{ ${web} }] }` },
      ["warning shadowed a#0"],
    ],
    [
      "one of the root namespace",
      { a: `{ rules: [{ ${web} }] }`, "d@heddle-system": `{ action: DENY, rules: [{ ${web} }] }` },
      ["error contradictory a#0"],
    ],
    [
      "a DENY that ends",
      {
        a: `{ rules: [{ ${web} }] }`,
        "AccessPolicy/d": `{ action: Reject, expires: "2027-01-01T00:00:00Z", rules: [{ subjects: [{ identities: [td/ns/shop/sa/web] }] }] }`,
      },
      [],
    ],
    [
      "an ALLOW outside a guardrail from above",
      {
        "a@shop-eu": `{ rules: [{ ${web} }] }`,
        "AccessPolicy/g":
          "{ action: Allow, propagation: Guardrail, rules: [{ subjects: [{ identities: [td/ns/shop/sa/cart] }] }] }",
      },
      ["error unreachable a#0"],
    ],
    [
      "an ALLOW within a guardrail",
      {
        "a@shop-eu": `{ rules: [{ ${web} }] }`,
        "AccessPolicy/g": "{ action: Allow, propagation: Guardrail, rules: [{ subjects: [{ namespaces: [shop] }] }] }",
      },
      [],
    ],
  ] as const)("%s", (_, specs, expected) => {
    expect(found(specs)).toEqual([...expected]);
  });
});

describe("one policy by itself", () => {
  test.each([
    ["an empty rule", "{ rules: [{}] }", ["warning allows-everyone a#0"]],
    [
      "anybody with an identity",
      `{ rules: [{ from: [{ source: { principals: ["*"] } }] }] }`,
      ["warning allows-everyone a#0"],
    ],
    [
      "every address",
      `{ rules: [{ from: [{ source: { ipBlocks: [0.0.0.0/0] } }] }] }`,
      ["warning allows-everyone a#0"],
    ],
    [
      "an account of any trust domain",
      `{ rules: [{ from: [{ source: { principals: ["*/sa/web"] } }] }] }`,
      ["warning foreign-callers a#0"],
    ],
    [
      "a header alone",
      `{ rules: [{ when: [{ key: "request.headers[x-key]", values: [s] }] }] }`,
      ["warning trusts-caller a#0"],
    ],
    ["deny all", "{}", []],
    ["a DENY of everything", "{ action: DENY, rules: [{}] }", ["warning denies-everything a#0"]],
    ["a DENY without rules", "{ action: DENY }", ["error no-effect a"]],
    [
      "a label that was mistyped",
      `{ selector: { matchLabels: { app: cart2 } }, rules: [{ ${web} }] }`,
      ["error selects-nothing a"],
    ],
    [
      "a label that nothing has",
      `{ selector: { matchLabels: { zone: elsewhere } }, rules: [{ ${web} }] }`,
      ["warning selects-nothing a"],
    ],
    [
      "an account that was mistyped",
      "{ rules: [{ from: [{ source: { principals: [td/ns/shop/sa/wed] } }] }] }",
      ["error unknown-reference a#0"],
    ],
    [
      "an account that does not run yet",
      "{ rules: [{ from: [{ source: { serviceAccounts: [newcomer] } }] }] }",
      ["warning unknown-reference a#0"],
    ],
    [
      "a namespace that was mistyped",
      "{ rules: [{ from: [{ source: { namespaces: [shpo] } }] }] }",
      ["error unknown-reference a#0"],
    ],
    [
      "a trust domain that is federated",
      "{ rules: [{ from: [{ source: { principals: [partner.example/ns/x/sa/y] } }] }] }",
      [],
    ],
    [
      "one that was mistyped",
      "{ rules: [{ from: [{ source: { principals: [partner.exampel/ns/x/sa/y] } }] }] }",
      ["error unknown-reference a#0"],
    ],
    [
      "one that may not call",
      "{ rules: [{ from: [{ source: { principals: [stranger.test/ns/x/sa/y] } }] }] }",
      ["warning unknown-reference a#0"],
    ],
    [
      "a service that was mistyped",
      `{ rules: [{ ${web}, to: [{ operation: { hosts: [order.shop] } }] }] }`,
      ["error unknown-reference a#0"],
    ],
    [
      "a principal with its scheme",
      "{ rules: [{ from: [{ source: { principals: [spiffe://td/ns/shop/sa/web] } }] }] }",
      ["error unreachable a#0"],
    ],
    [
      "a method in small letters",
      `{ rules: [{ ${web}, to: [{ operation: { methods: [get] } }] }] }`,
      ["error unreachable a#0"],
    ],
    [
      "a path with a query",
      `{ rules: [{ ${web}, to: [{ operation: { paths: ["/a?b=1"] } }] }] }`,
      ["error unreachable a#0"],
    ],
    [
      "a path that is always read in another way",
      `{ rules: [{ ${web}, to: [{ operation: { paths: [/a//b] } }] }] }`,
      ["error unreachable a#0"],
    ],
    [
      "an account of another namespace than the rule's",
      `{ rules: [{ ${web}, when: [{ key: source.namespace, values: [shop-eu] }] }] }`,
      ["error unreachable a#0"],
    ],
    ["one rule of two that can match", `{ rules: [{ ${web}, to: [{ operation: { methods: [get, GET] } }] }] }`, []],
    ["an external authorizer that is known", "{ action: CUSTOM, provider: { name: gate }, rules: [{}] }", []],
    [
      "an external authorizer that is not",
      "{ action: CUSTOM, provider: { name: opa }, rules: [{}] }",
      ["error unenforceable a#0"],
    ],
    [
      "a server name",
      `{ rules: [{ ${web}, when: [{ key: connection.sni, values: [a] }] }] }`,
      ["warning unenforceable a#0"],
    ],
    [
      "a DENY of one path",
      `{ action: DENY, rules: [{ to: [{ operation: { paths: [/admin] } }] }] }`,
      ["warning path-gap a#0"],
    ],
    [
      "a DENY of a path and all below",
      `{ action: DENY, rules: [{ to: [{ operation: { paths: [/admin, /admin/*] } }] }] }`,
      [],
    ],
    [
      "a DENY of what is below a path",
      `{ action: DENY, rules: [{ to: [{ operation: { paths: [/admin/*] } }] }] }`,
      ["warning path-gap a#0"],
    ],
    [
      "a DENY of GET",
      `{ action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }] }`,
      ["warning path-gap a#0"],
    ],
    [
      "an ALLOW of an ending",
      `{ rules: [{ ${web}, to: [{ operation: { paths: ["*.css"] } }] }] }`,
      ["warning path-gap a#0"],
    ],
    [
      "an ALLOW of a beginning",
      `{ rules: [{ ${web}, to: [{ operation: { paths: ["/public*"] } }] }] }`,
      ["warning path-gap a#0"],
    ],
  ] as const)("%s", (_, spec, expected) => {
    expect(found({ a: spec })).toEqual([...expected]);
  });

  test.each([
    ["one that has ended", `expires: "2026-01-01T00:00:00Z"`, ["error expired a"]],
    [
      "one that ends before it begins",
      `expires: "2026-03-05T00:00:00Z", schedule: [{ days: [Sun], from: "09:00", to: "10:00" }]`,
      ["error expired a"],
    ],
    [
      "one that ends later",
      `expires: "2026-03-09T00:00:00Z", schedule: [{ days: [Sun], from: "09:00", to: "10:00" }]`,
      [],
    ],
  ] as const)("%s", (_, more, expected) => {
    const spec = `{ action: Allow, ${more}, rules: [{ subjects: [{ namespaces: [shop] }] }] }`;
    expect(found({ "AccessPolicy/a": spec })).toEqual([...expected]);
  });

  test("subjects and peers whose labels nobody has", () => {
    const subject = "{ action: Allow, rules: [{ subjects: [{ accountLabels: { team: fase } }] }] }";
    expect(found({ "AccessPolicy/a": subject })).toEqual(["error selects-nothing a#0"]);
    const peer = "{ podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { team: nobody } } }] }] }";
    expect(found({ "NetworkPolicy/a": peer })).toEqual(["error unenforceable a#0"]);
  });

  test("a policy in a namespace that is none", () => {
    expect(found({ "a@shpo": `{ rules: [{ ${web} }] }` })).toEqual(["error unknown-reference a"]);
  });

  test("a finding says in one sentence what is wrong, and what to do", () => {
    const [finding] = lintPolicies(
      policies({ a: "{ rules: [{ from: [{ source: { namespaces: [shpo] } }] }] }" }),
      facts(),
    );
    expect(finding).toMatchObject({ message: "There is no namespace `shpo`.", fix: "Did you mean `shop`?" });
  });
});

/** What lint says of rule sets that are all in force at one workload. */
function coveringOf(ruleSets: readonly RuleSet[]) {
  const everywhere = { namespaces: undefined, selector: { matchLabels: {}, matchExpressions: [] } };
  const rules = lintedRules(
    ruleSets.map((ruleSet) => ({
      source: undefined as unknown as AnyPolicy,
      ref: ruleSet.ref,
      ruleSets: [ruleSet],
      egress: [],
      ...everywhere,
    })),
    "ruleSets",
  );
  const index = new RuleIndex(rules);
  return rules.map((rule) => ({ rule, remarks: coveringRemarks(rule, index), matching: matchingRemarks(rule, []) }));
}

/** Each rule has an index of its own and each policy a name, so that the deciding one can be told. */
function numbered(ruleSets: readonly RuleSet[]): readonly RuleSet[] {
  return ruleSets.map((each, place) => ({
    ...each,
    ref: { ...each.ref, name: `p${place}` },
    rules: each.rules.map((rule, index) => ({ ...rule, index })),
  }));
}

function expectAlike(one: readonly RuleSet[], other: readonly RuleSet[], requests: readonly RequestAttributes[]): void {
  const [left, right] = [compilePolicy(one), compilePolicy(other)];
  for (const request of requests) expect(decide(left, request).verdict).toBe(decide(right, request).verdict);
}

test("without a rule that is shadowed, contradicted or out of bounds everything is decided as with it", () => {
  const counts = new Map<string, number>();
  fc.assert(
    fc.property(policyCase, ({ ruleSets: generated, requests }) => {
      const ruleSets = numbered(generated);
      const findings = coveringOf(ruleSets).filter(
        ({ remarks, matching }) => remarks.length > 0 && matching.length === 0,
      );
      for (const { rule, remarks } of findings) {
        const rules = rule.ruleSet.rules.filter(({ index }) => index !== rule.rule);
        const fewer = ruleSets.map((each) => (each === rule.ruleSet ? { ...each, rules } : each));
        expectAlike(ruleSets, fewer, requests);
        for (const { code } of remarks) counts.set(code, (counts.get(code) ?? 0) + 1);
      }
    }),
    { numRuns: 6000, seed: 7 },
  );
  expect(counts.get("shadowed")).toBeGreaterThan(100);
  expect(counts.get("contradictory")).toBeGreaterThan(100);
  expect(counts.get("unreachable")).toBeGreaterThan(10);
}, 60_000);

test("a rule that is said to match nothing makes no difference to a request of HTTP", () => {
  let count = 0;
  fc.assert(
    fc.property(policyCase, ({ ruleSets: generated, requests }) => {
      const found = coveringOf(numbered(generated)).filter(({ matching }) =>
        matching.some(({ code }) => code === "unreachable"),
      );
      const ofHttp = requests.filter(({ protocol }) => protocol === "http");
      for (const { rule } of found) {
        const rules = rule.ruleSet.rules.filter(({ index }) => index === rule.rule);
        const alone = { ...rule.ruleSet, mode: "enforce" } as const;
        expectAlike([{ ...alone, rules }], [{ ...alone, rules: [] }], ofHttp);
        count++;
      }
    }),
    { numRuns: 3000, seed: 7 },
  );
  expect(count).toBeGreaterThan(100);
}, 60_000);

test("three thousand policies for the same workloads are looked at in seconds, and the nearest of them are compared", () => {
  const one = (index: number) => [
    `p${index}`,
    `{ rules: [{ from: [{ source: { principals: [td/ns/shop/sa/s${index}] } }] }] }`,
  ];
  const many = policies(
    Object.fromEntries([...Array.from({ length: 3000 }, (_, index) => one(index)), ["again", one(0)[1]]]),
  );
  const shadowed = lintPolicies(many, facts()).filter(({ code }) => code === "shadowed");
  expect(shadowed.map(({ policy }) => policy.name)).toEqual(["again"]);
}, 30_000);

test("the guide explains every code", () => {
  const page = readFileSync("docs/guides/policy-tools.md", "utf8");
  expect(Object.keys(LINT_CODES).filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});

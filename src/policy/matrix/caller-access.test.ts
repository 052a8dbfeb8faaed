import { expect, test } from "bun:test";
import fc from "fast-check";
import { compilePolicy, decide, operationMatch, type RuleSet, ruleOf, ruleSetOf, sourceMatch } from "#policy";
import { policyCase } from "../../../test/fakes/policy-cases.ts";
import { callerAccess } from "./index.ts";

const caller = { principal: "td/ns/shop/sa/web", namespace: "shop", serviceAccount: "shop/web", port: 80 };
const ref = (name: string) => ({ kind: "AuthorizationPolicy", namespace: "shop", name });
const fromWeb = [sourceMatch({ principals: ["td/ns/shop/sa/web"] })];
const paths = (...each: string[]) => [operationMatch({ paths: each })];
const allow = (name: string, ...rules: readonly ReturnType<typeof ruleOf>[]) =>
  ruleSetOf({ ref: ref(name), action: "ALLOW", rules });
const deny = (name: string, ...rules: readonly ReturnType<typeof ruleOf>[]) =>
  ruleSetOf({ ref: ref(name), action: "DENY", rules });

const TABLE: readonly (readonly [string, readonly RuleSet[], object])[] = [
  ["no policy", [], { verdict: "allow", labels: ["no-allow-policy"] }],
  [
    "an ALLOW of others",
    [allow("a", ruleOf({ from: [sourceMatch({ namespaces: ["other"] })] }))],
    { verdict: "deny", labels: ["default-deny: no rule of AuthorizationPolicy/shop/a matched"] },
  ],
  [
    "an ALLOW of the caller",
    [allow("a", ruleOf({ from: fromWeb }))],
    { verdict: "allow", labels: ["AuthorizationPolicy/shop/a"], only: [], except: [] },
  ],
  [
    "an ALLOW of another port",
    [allow("a", ruleOf({ from: fromWeb, to: [operationMatch({ ports: ["81"] })] }))],
    { verdict: "deny" },
  ],
  [
    "an ALLOW of a path",
    [allow("a", ruleOf({ from: fromWeb, to: paths("/a") }))],
    {
      verdict: "conditional",
      only: [
        [
          {
            label: "AuthorizationPolicy/shop/a",
            rule: 0,
            terms: [{ attribute: "request.path", isNegated: false, patterns: ["/a"] }],
          },
        ],
      ],
    },
  ],
  [
    "a DENY of a path",
    [allow("a", ruleOf({ from: fromWeb })), deny("d", ruleOf({ to: paths("/b") }))],
    { verdict: "conditional", only: [], except: [{ label: "AuthorizationPolicy/shop/d" }] },
  ],
  [
    "a DENY of all that is allowed",
    [allow("a", ruleOf({ from: fromWeb, to: paths("/a/b") })), deny("d", ruleOf({ to: paths("/a/*") }))],
    { verdict: "deny", labels: ["AuthorizationPolicy/shop/d"] },
  ],
  [
    "a DENY of the caller",
    [allow("a", ruleOf({ from: fromWeb })), deny("d", ruleOf({ from: fromWeb }))],
    { verdict: "deny", labels: ["AuthorizationPolicy/shop/d"] },
  ],
  [
    "two tiers that both allow by condition",
    [
      { ...allow("g", ruleOf({ to: paths("/a") })), tier: 1 },
      allow("a", ruleOf({ from: fromWeb, to: [operationMatch({ methods: ["GET"] })] })),
    ],
    {
      verdict: "conditional",
      only: [[{ label: "AuthorizationPolicy/shop/g" }], [{ label: "AuthorizationPolicy/shop/a" }]],
    },
  ],
  ["a policy that only observes", [{ ...deny("d", ruleOf({})), mode: "observe" }], { verdict: "allow" }],
  [
    "an external authorizer",
    [ruleSetOf({ ref: ref("c"), action: "CUSTOM", provider: "opa", rules: [ruleOf({})] })],
    { verdict: "deny", labels: ["AuthorizationPolicy/shop/c"] },
  ],
  [
    "a rule that cannot be decided",
    [deny("d", ruleOf({ from: [sourceMatch({ namespaces: ["other"] })], unenforceable: "the reason" }))],
    { verdict: "deny" },
  ],
];

test.each(TABLE)("%s", (_, ruleSets, expected) => {
  expect(callerAccess(ruleSets)(caller)).toMatchObject(expected);
});

test("what an external authorizer decides depends on it where it can be asked", () => {
  const asked = [ruleSetOf({ ref: ref("c"), action: "CUSTOM", provider: "opa", rules: [ruleOf({})] })];
  expect(callerAccess(asked, new Set(["opa"]))(caller)).toMatchObject({
    verdict: "conditional",
    labels: ["AuthorizationPolicy/shop/c"],
    except: [{ label: "AuthorizationPolicy/shop/c", terms: [] }],
  });
});

test("what a caller may do without conditions, or not at all, is what each of its requests is answered", () => {
  const counts = { allow: 0, deny: 0, conditional: 0 };
  fc.assert(
    fc.property(policyCase, ({ ruleSets, requests }) => {
      const compiled = compilePolicy(ruleSets);
      const access = callerAccess(ruleSets);
      for (const request of requests) {
        const { verdict } = access(request);
        counts[verdict]++;
        const { verdict: decided, external } = decide(compiled, request);
        if (verdict !== "conditional") expect(external === undefined ? decided : "deny").toBe(verdict);
      }
    }),
    { numRuns: 2000, seed: 7 },
  );
  expect(Math.min(counts.allow, counts.deny, counts.conditional)).toBeGreaterThan(1000);
}, 60_000);

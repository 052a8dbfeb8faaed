import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type AuthorizationPolicy, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import {
  compilePolicy,
  decide,
  lowerAuthorizationPolicy,
  operationMatch,
  policiesFor,
  type RequestAttributes,
  type RuleSet,
  ruleOf,
  ruleSetOf,
  sourceMatch,
} from "#policy";
import { importObjects } from "#policy/import";
import { policyCase } from "../../../test/fakes/policy-cases.ts";
import { type ExportFacts, exportFor } from "./index.ts";

const facts: ExportFacts = { trustDomain: "td", nowMs: 0, labelsOf: () => undefined };
const workload = (ruleSets: readonly RuleSet[]) => ({
  namespace: "shop",
  name: "cart",
  labels: { app: "cart" },
  port: 80,
  ruleSets,
});

/** Out and in again, through the text that a cluster would hold. */
function roundTrip(ruleSets: readonly RuleSet[]) {
  const { documents, notes } = exportFor("istio", workload(ruleSets), facts);
  const imported = importObjects(JSON.parse(JSON.stringify(documents)));
  expect(imported.notes).toEqual([]);
  const files = imported.objects.map((each, index) => ({ file: `${index}.yaml`, text: JSON.stringify(each) }));
  const policies = valueOrThrow(parseManifests(files)) as readonly AuthorizationPolicy[];
  const held = policiesFor({ namespace: "shop", labels: { app: "cart", version: "v1" } }, policies, "root");
  expect(held.length).toBe(policies.length);
  return { compiled: compilePolicy(held.map(lowerAuthorizationPolicy)), notes };
}

function verdictOf(ruleSets: readonly RuleSet[], request: RequestAttributes): "allow" | "deny" {
  const { verdict, external } = decide(compilePolicy(ruleSets), request);
  return external === undefined ? verdict : "deny";
}

test("exported and imported again, everything is decided as before, or denied with a note", () => {
  const counts = { same: 0, allowed: 0 };
  fc.assert(
    fc.property(policyCase, ({ ruleSets, requests }) => {
      const { compiled, notes } = roundTrip(ruleSets);
      const isSame = notes.every(({ effect }) => effect === "same");
      const verdicts = requests.map((each) => [verdictOf(ruleSets, each), decide(compiled, each).verdict] as const);
      expect(verdicts.filter(([here, there]) => here === "deny" && there === "allow")).toEqual([]);
      if (isSame) expect(verdicts.filter(([here, there]) => here !== there)).toEqual([]);
      counts.same += isSame ? requests.length : 0;
      counts.allowed += verdicts.filter(([here, there]) => here === "allow" && there === "allow").length;
    }),
    { numRuns: 3000, seed: 7 },
  );
  expect(Math.min(counts.same, counts.allowed)).toBeGreaterThan(10_000);
}, 120_000);

const ref = (name: string) => ({ kind: "AccessPolicy", namespace: "shop", name });
const GUARD = ruleSetOf({
  ref: ref("guard"),
  tier: 1,
  action: "ALLOW",
  rules: [ruleOf({ from: [sourceMatch({ principals: ["td/ns/*"], serviceAccounts: ["shop/web", "shop/api"] })] })],
});

describe("what Istio is given", () => {
  test("rules of two tiers are put together", () => {
    const own = ruleSetOf({
      ref: ref("own"),
      action: "ALLOW",
      rules: [ruleOf({ from: [sourceMatch({ namespaces: ["shop"] })], to: [operationMatch({ methods: ["GET"] })] })],
    });
    expect(exportFor("istio", workload([GUARD, own]), facts)).toEqual({
      documents: [
        {
          apiVersion: "security.istio.io/v1",
          kind: "AuthorizationPolicy",
          metadata: { name: "cart-allow", namespace: "shop" },
          spec: {
            selector: { matchLabels: { app: "cart" } },
            action: "ALLOW",
            rules: [
              {
                from: [{ source: { principals: ["td/ns/shop/sa/web", "td/ns/shop/sa/api"], namespaces: ["shop"] } }],
                to: [{ operation: { methods: ["GET"] } }],
              },
            ],
          },
        },
      ],
      text: "",
      notes: [],
    });
  });

  test.each([
    [
      "an end",
      { validity: { expiresAtMs: 5, schedule: [] } },
      "ends or follows a schedule, and is left out: it allows nothing there",
    ],
    [
      "a condition in CEL",
      { rules: [ruleOf({ expression: "port == 80" })] },
      "has a condition in CEL, and is left out: it allows nothing there",
    ],
    [
      "too many ports",
      { rules: [ruleOf({ to: [operationMatch({ ports: ["1-900"] })] })] },
      "is left out and allows nothing there: Istio has no ranges of ports, and 1-900 are too many",
    ],
  ] as const)("an ALLOW with %s allows nothing, and is noted", (_, said, message) => {
    const { documents, notes } = exportFor(
      "istio",
      workload([ruleSetOf({ ref: ref("a"), action: "ALLOW", rules: [ruleOf({})], ...said })]),
      facts,
    );
    expect(notes.map((each) => [each.policy, each.effect, each.message])).toEqual([
      ["AccessPolicy/shop/a", "denies-more", message],
    ]);
    expect(documents).toMatchObject([{ spec: { action: "ALLOW" } }]);
    expect(JSON.stringify(documents)).not.toContain("rules");
  });

  test("no policy is no policy", () => {
    expect(exportFor("istio", workload([]), facts)).toEqual({ documents: [], text: "", notes: [] });
  });
});

import { expect, test } from "bun:test";
import fc from "fast-check";
import { policyCase } from "../../test/fakes/policy-cases.ts";
import {
  compilePolicy,
  consideredPolicies,
  decide,
  explain,
  type Knowledge,
  NOTHING_HIDDEN,
  operationMatch,
  partialRequest,
  type RequestAttributes,
  type Rule,
  type RuleSet,
  requestAttributes,
  ruleOf,
  ruleSetOf,
  sourceMatch,
} from "./index.ts";

const FRONT = "shop.example/ns/shop/sa/front";

function set(action: "ALLOW" | "DENY", ...rules: Rule[]): RuleSet {
  const ref = { kind: "AuthorizationPolicy", namespace: "shop", name: action.toLowerCase() };
  return ruleSetOf({ ref, action, rules: rules.map((rule, index) => ({ ...rule, index })) });
}

function asked(known: Partial<Knowledge> = {}, change: Partial<RequestAttributes> = {}) {
  const attributes = requestAttributes({ principal: FRONT, method: "GET", path: "/orders", port: 8080, ...change });
  return partialRequest(attributes, { path: true, host: false, headers: new Set(), claims: new Set(), ...known });
}

const byHeader = (value: string): Rule =>
  ruleOf({ when: [{ key: "request.headers[X-Team]", values: [value], notValues: [] }] });
const byClaim = (value: string): Rule =>
  ruleOf({ when: [{ key: "request.auth.claims[role]", values: [value], notValues: [] }] });
const EVERYTHING = ruleOf();

const TEAM = "request.headers[x-team]";

test.each<[string, RuleSet[], ReturnType<typeof asked>, string, string[]]>([
  ["what no rule looks at does not matter", [set("ALLOW", EVERYTHING)], asked(), "allow", []],
  ["an ALLOW by a header depends on it", [set("ALLOW", byHeader("a"))], asked(), "allow|deny", [TEAM]],
  ["another rule that allows makes it sure", [set("ALLOW", byHeader("a"), EVERYTHING)], asked(), "allow", []],
  ["a DENY by a header depends on it", [set("DENY", byHeader("a"))], asked(), "allow|deny", [TEAM]],
  ["another rule that denies makes it sure", [set("DENY", byHeader("a"), EVERYTHING)], asked(), "deny", []],
  [
    "what else of the rule does not hold makes it sure",
    [set("ALLOW", { ...byHeader("a"), to: [operationMatch({ methods: ["POST"] })] })],
    asked(),
    "deny",
    [],
  ],
  [
    "a header that is given decides",
    [set("ALLOW", byHeader("a"))],
    asked({ headers: new Set(["x-team"]) }, { headers: ["x-team", "a"] }),
    "allow",
    [],
  ],
  ["so does one that is not sent", [set("ALLOW", byHeader("a"))], asked({ headers: new Set(["x-team"]) }), "deny", []],
  ["a claim", [set("ALLOW", byClaim("a"))], asked(), "allow|deny", ["request.auth.claims[role]"]],
  ["a request without a token", [set("ALLOW", byClaim("a"))], asked({ claims: "all" }), "deny", []],
  [
    "a claim that is given, among others that are not",
    [set("ALLOW", byClaim("a"))],
    asked({ claims: new Set(["role"]) }, { claims: { role: "a" } }),
    "allow",
    [],
  ],
  [
    "an address",
    [set("ALLOW", ruleOf({ from: [sourceMatch({ ipBlocks: ["10.0.0.0/8"] })] }))],
    asked(),
    "allow|deny",
    ["source.ip"],
  ],
  [
    "a forwarded address, by header and connection",
    [set("ALLOW", ruleOf({ from: [sourceMatch({ remoteIpBlocks: ["10.0.0.0/8"] })] }))],
    asked(),
    "allow|deny",
    ["request.headers[x-forwarded-for]", "source.ip"],
  ],
  [
    "an expression is asked for the claims that it names",
    [set("ALLOW", ruleOf({ expression: 'claims.role == "a" && method == "GET"' }))],
    asked(),
    "allow|deny",
    ["request.auth.claims[role]"],
  ],
  [
    "an expression that goes over the whole token",
    [set("ALLOW", ruleOf({ expression: 'claims.exists(name, name == "a")' }))],
    asked({ claims: new Set(["role"]) }),
    "allow|deny",
    ["request.auth.claims[*]"],
  ],
  [
    "bytes without HTTP have no header to wait for",
    [set("DENY", byHeader("a"))],
    asked({}, { protocol: "tcp" }),
    "deny",
    [],
  ],
])("%s", (_, ruleSets, request, verdicts, parts) => {
  const { worst, best, dependsOn } = explain(compilePolicy(ruleSets), request);
  expect([...new Set([best.verdict, worst.verdict])].join("|")).toBe(verdicts);
  expect(worst.verdict === best.verdict ? [] : dependsOn).toEqual(parts as typeof dependsOn);
});

test("what is not known and would be looked at is told, also where it makes no difference", () => {
  expect(explain(compilePolicy([set("ALLOW", byHeader("a"), EVERYTHING)]), asked())).toMatchObject({
    unknown: [TEAM],
    worst: { rule: 1 },
  });
});

test("the nearest miss tells what failed apart from what is not known", () => {
  const rule = { ...byHeader("a"), to: [operationMatch({ methods: ["POST"] })] };
  expect(explain(compilePolicy([set("ALLOW", rule)]), asked()).nearestMiss).toMatchObject({ failed: ["methods"] });
  expect(explain(compilePolicy([set("ALLOW", byHeader("a"))]), asked()).nearestMiss).toMatchObject({
    failed: [],
    unknown: [TEAM],
  });
});

test("a policy is told with the rule that is surely met, and with one before it that may be", () => {
  const [considered] = consideredPolicies([set("ALLOW", byHeader("a"), EVERYTHING)], asked());
  expect(considered).toMatchObject({ rule: 1, open: { rule: 0, unknown: [TEAM] } });
});

const RANK = { deny: 0, allow: 1 } as const;

/** Of each attribute that can be left open, whether it is told. */
const told = fc.record({
  source: fc.boolean(),
  destination: fc.boolean(),
  sni: fc.boolean(),
  host: fc.boolean(),
  path: fc.boolean(),
  headers: fc.constantFrom<Knowledge["headers"]>("all", new Set(), new Set(["x-role"]), new Set(["x-forwarded-for"])),
  claims: fc.constantFrom<Knowledge["claims"]>("all", new Set(), new Set(["role", "iss"]), new Set(["sub", "aud"])),
});

test("whatever the hidden part is, the verdict is between the best and the worst that were told", () => {
  let hiddenCount = 0;
  fc.assert(
    fc.property(policyCase, told, ({ ruleSets, requests }, shown) => {
      const policy = compilePolicy(ruleSets);
      for (const request of requests) {
        const { worst, best } = explain(policy, partialRequest(partOf(request, shown), shown));
        const { verdict } = decide(policy, request);
        expect(RANK[worst.verdict]).toBeLessThanOrEqual(RANK[verdict]);
        expect(RANK[best.verdict]).toBeGreaterThanOrEqual(RANK[verdict]);
        if (worst.verdict !== best.verdict) hiddenCount++;
      }
    }),
    { numRuns: 2000, seed: 7 },
  );
  expect(hiddenCount).toBeGreaterThan(500);
}, 60_000);

type Shown = Knowledge & Readonly<Record<"source" | "destination" | "sni", boolean>>;

function partOf(request: RequestAttributes, shown: Shown): RequestAttributes {
  const { headers, claims } = shown;
  return {
    ...request,
    sourceAddress: shown.source ? request.sourceAddress : undefined,
    destinationAddress: shown.destination ? request.destinationAddress : undefined,
    serverName: shown.sni ? request.serverName : undefined,
    host: shown.host ? request.host : "",
    path: shown.path ? request.path : "",
    headers: request.headers.filter((_, at) => headers === "all" || headers.has(request.headers[at - (at % 2)] ?? "")),
    claims:
      claims === "all"
        ? request.claims
        : Object.fromEntries(Object.entries(request.claims ?? {}).filter(([name]) => claims.has(name))),
  };
}

test("with nothing hidden, it is what the evaluator decides", () => {
  fc.assert(
    fc.property(policyCase, ({ ruleSets, requests }) => {
      const policy = compilePolicy(ruleSets);
      for (const request of requests) {
        const isAddressed = request.sourceAddress !== undefined && request.destinationAddress !== undefined;
        if (!isAddressed || request.serverName === undefined) continue;
        const { worst, best } = explain(policy, partialRequest(request, NOTHING_HIDDEN));
        expect([worst, best]).toEqual([decide(policy, request), decide(policy, request)]);
      }
    }),
    { numRuns: 1000, seed: 7 },
  );
}, 60_000);

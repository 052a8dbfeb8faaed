import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  compilePolicy,
  decide,
  isAmbiguous,
  operationMatch,
  type RequestAttributes,
  type RuleSet,
  requestIssuer,
  ruleOf,
  ruleSetOf,
  sourceMatch,
} from "#policy";
import { policyCase } from "../../../test/fakes/policy-cases.ts";
import { type Outcome, type RecordedRequest, type RulesInForce, replay } from "./index.ts";

const FRONT = { principal: "td/ns/shop/sa/front", namespace: "shop", serviceAccount: "shop/front" };
const recorded = (said: Partial<RecordedRequest> = {}): RecordedRequest => ({
  caller: FRONT,
  sourceAddress: undefined,
  mtls: true,
  protocol: "http",
  port: 8080,
  detail: "whole",
  method: "GET",
  path: "/orders/{*}",
  host: "orders",
  token: "unread",
  issuer: "",
  verdict: "allow",
  isExternal: false,
  ...said,
});
const rules = (ruleSets: readonly RuleSet[], said: Partial<RulesInForce> = {}): RulesInForce => ({
  ruleSets,
  authorizers: new Set(["opa"]),
  tokens: "",
  mtls: "PERMISSIVE",
  ...said,
});
const ref = { kind: "AuthorizationPolicy", namespace: "shop", name: "p" };
const allow = (...said: Parameters<typeof ruleOf>[0][]) => ruleSetOf({ ref, action: "ALLOW", rules: said.map(ruleOf) });
const deny = (...said: Parameters<typeof ruleOf>[0][]) => ruleSetOf({ ref, action: "DENY", rules: said.map(ruleOf) });
const paths = (...list: string[]) => ({ to: [operationMatch({ paths: list })] });
const notPaths = (...list: string[]) => ({ to: [operationMatch({ notPaths: list })] });
const front = { from: [sourceMatch({ principals: [FRONT.principal] })] };
const back = { from: [sourceMatch({ principals: ["td/ns/shop/sa/back"] })] };
const header = { when: [{ key: "request.headers[x-team]", values: ["a"], notValues: [] }] };
const flips = (to: string, basis = "replay") => ({ kind: "flips", to, basis });
const unknown = (...missing: string[]) => ({ kind: "unknown" as const, missing });

describe("a change", () => {
  const open: readonly RuleSet[] = [];
  const cases: [string, object, readonly RuleSet[], readonly RuleSet[], Partial<RecordedRequest>?][] = [
    ["of nothing flips nothing", { kind: "same" }, [deny(front)], [deny(front)]],
    ["that denies the caller flips it", { ...flips("deny"), rule: 0 }, open, [deny(front)]],
    ["that allows another only flips it", flips("deny"), open, [allow(back)]],
    ["that concerns another flips nothing", { kind: "same" }, open, [deny(back)]],
    ["that allows what was denied flips it", flips("allow"), [deny(front)], open, { verdict: "deny" }],
    ["of paths above the recorded shape is certain", flips("deny"), open, [deny(paths("/orders/*"))]],
    ["of the very shape is certain", flips("deny"), open, [deny(paths("/orders/{*}"))]],
    ["of other paths is certain", { kind: "same" }, open, [deny(paths("/admin/*", "/orders", "/a/{*}/b"))]],
    ["of all paths is certain", flips("deny"), open, [deny(paths("*"))]],
    ["of one path in the shape is not known", unknown("request.path"), open, [deny(paths("/orders/17"))]],
    ["of some endings is not known", unknown("request.path"), open, [deny(paths("*7"))]],
    ["of all but one path in the shape is not known", unknown("request.path"), open, [deny(notPaths("/orders/17"))]],
    ["of all but other paths is certain", flips("deny"), open, [deny(notPaths("/admin"))]],
    ["of a header is not known", unknown("request.headers[x-team]"), open, [deny(header)]],
    ["that denies beside a header is certain", flips("deny"), open, [deny(header), deny(front)]],
    ["beside a header that stays flips nothing", { kind: "same" }, [allow(header)], [allow(header), deny(back)]],
    ["of a policy that observes flips nothing", { kind: "same" }, open, [{ ...deny(front), mode: "observe" }]],
    ["to enforce what observed flips it", flips("deny"), [{ ...deny(front), mode: "observe" }], [deny(front)]],
    [
      "is compared with the record where the rules tell nothing",
      flips("deny", "recorded"),
      [allow(header)],
      [deny({})],
    ],
    [
      "says nothing of a caller's paths that were not recorded",
      unknown("request.path"),
      open,
      [deny(paths("/x"))],
      { detail: "caller", path: "" },
    ],
    [
      "says what it can of a prefix",
      flips("deny"),
      open,
      [deny(paths("/orders/*"))],
      { detail: "prefix", path: "/orders/*" },
    ],
    [
      "says nothing of a host that was not recorded",
      unknown("request.host"),
      open,
      [deny({ to: [operationMatch({ hosts: ["orders"] })] })],
      { detail: "prefix", path: "/orders/*" },
    ],
    [
      "of an ambiguous path with a part left out is not known",
      unknown("request.path"),
      open,
      [deny(paths("/a/*"))],
      { path: "/a/../{*}" },
    ],
  ];

  test.each(cases)("%s", (_, want, before, after, said = {}) => {
    expect(replay(rules(before), rules(after))(recorded(said))).toMatchObject(want);
  });
});

describe("tokens", () => {
  const person = (pattern: string) => allow({ from: [sourceMatch({ requestPrincipals: [pattern] })] });
  const ask = (after: readonly RuleSet[], said: Partial<RecordedRequest>, tokens = "t") =>
    replay(rules([], { tokens: "t" }), rules(after, { tokens }))(recorded(said));
  const verified = { token: "verified", issuer: "https://login" } as const;

  test("are known by presence and issuer, and not by subject", () => {
    expect(ask([person("*")], { token: "none" })).toMatchObject(flips("deny"));
    expect(ask([person("*")], verified)).toEqual({ kind: "same" });
    expect(ask([person("https://login/*")], verified)).toEqual({ kind: "same" });
    expect(ask([person("https://other/*")], verified)).toMatchObject(flips("deny"));
    expect(ask([person("https://login/ada")], verified)).toEqual({
      kind: "unknown",
      missing: ["request.auth.claims[sub]"],
    });
    expect(ask([person("*")], { token: "verified" })).toMatchObject(flips("deny"));
  });

  test("that were not looked for, or are judged by other rules, are not known", () => {
    expect(ask([person("*")], { token: "unread" })).toMatchObject({ kind: "unknown" });
    expect(ask([], { token: "none" }, "other")).toEqual({ kind: "unknown", missing: ["request.auth.claims"] });
    expect(ask([deny(front)], { token: "none" }, "other")).toMatchObject(flips("deny"));
    expect(ask([deny(front)], { token: "refused", verdict: "deny" })).toEqual({ kind: "same" });
    expect(ask([person("*")], verified, "")).toMatchObject(flips("deny"));
  });
});

describe("what is outside the rules", () => {
  test("callers in the clear are refused by STRICT, callers in TLS by DISABLE", () => {
    const to = (mtls: RulesInForce["mtls"], isTls: boolean) =>
      replay(rules([]), rules([], { mtls }))(recorded({ mtls: isTls }));
    expect(to("STRICT", false)).toMatchObject(flips("deny"));
    expect(to("STRICT", true)).toEqual({ kind: "same" });
    expect(to("DISABLE", true)).toMatchObject(flips("deny"));
  });

  test("an external authorizer said what it said, as long as it is still asked", () => {
    const asks = ruleSetOf({ ref, action: "CUSTOM", provider: "opa", rules: [ruleOf(front)] });
    const later = [asks, deny(back)];
    expect(replay(rules([asks]), rules(later))(recorded({ verdict: "deny", isExternal: true }))).toEqual({
      kind: "same",
    });
    expect(replay(rules([asks]), rules([]))(recorded({ verdict: "deny", isExternal: true }))).toMatchObject(
      flips("allow"),
    );
    expect(replay(rules([asks]), rules(later))(recorded())).toEqual({ kind: "same" });
    expect(replay(rules([]), rules([asks]))(recorded())).toEqual(unknown("what the external authorizer opa says"));
    expect(replay(rules([]), rules([asks], { authorizers: new Set() }))(recorded())).toMatchObject(flips("deny"));
  });
});

/** An authorizer with a mind of its own. */
const isPassed = ({ path, method }: RequestAttributes): boolean => method !== "PUT" && !path.includes("x");

function verdictOf(ruleSets: readonly RuleSet[], request: RequestAttributes) {
  const { verdict, external } = decide(compilePolicy(ruleSets), request);
  const isExternal = external !== undefined && !isPassed(request);
  return { verdict: isExternal ? ("deny" as const) : verdict, isExternal };
}

const forms = ["whole", "whole", "shape", "prefix", "caller"] as const;

/** As an agent does: of a path that can be read in several ways no part stands for the whole. */
function recordOf(
  request: RequestAttributes,
  wanted: (typeof forms)[number],
  before: readonly RuleSet[],
): RecordedRequest {
  const { principal, namespace, serviceAccount, path } = request;
  const form = wanted !== "whole" && isAmbiguous(path) ? "caller" : wanted;
  const shape = path.replace(/[^/]+$/, "{*}");
  const told = {
    whole: path,
    shape,
    prefix: /^\/[^/]+\//.test(path) ? path.replace(/^(\/[^/]+\/).*/, "$1*") : "/*",
    caller: "",
  };
  return recorded({
    ...verdictOf(before, request),
    caller: { principal, namespace, serviceAccount },
    sourceAddress: form === "whole" ? request.sourceAddress : undefined,
    protocol: request.protocol,
    port: request.port,
    detail: form === "shape" ? "whole" : form,
    method: form === "caller" ? "" : request.method,
    path: told[form],
    host: form === "caller" || form === "prefix" ? "" : request.host,
    token: request.claims === undefined ? "none" : "verified",
    issuer: requestIssuer(request.claims),
  });
}

const pairs = fc.record({
  before: policyCase,
  after: policyCase,
  isAdded: fc.boolean(),
  form: fc.constantFrom(...forms),
});

/** What is wrong with what was said of a request. */
function mistakeIn(outcome: Outcome, was: "allow" | "deny", would: "allow" | "deny"): string | undefined {
  if (outcome.kind === "unknown") return undefined;
  const isRight = outcome.kind === "same" ? was === would : would === outcome.to && was !== outcome.to;
  return isRight ? undefined : JSON.stringify({ outcome, was, would });
}

test("what is said to flip flips, and what is said to stay stays, whatever was not recorded", () => {
  const said = { same: 0, flips: 0, unknown: 0 };
  fc.assert(
    fc.property(pairs, ({ before: { ruleSets, requests }, after, isAdded, form }) => {
      const changed = isAdded ? [...ruleSets, ...after.ruleSets] : after.ruleSets;
      const outcomeOf = replay(rules(ruleSets, { tokens: "t" }), rules(changed, { tokens: "t" }));
      for (const request of requests) {
        const outcome = outcomeOf(recordOf(request, form, ruleSets));
        said[outcome.kind]++;
        const [was, would] = [verdictOf(ruleSets, request).verdict, verdictOf(changed, request).verdict];
        expect(mistakeIn(outcome, was, would)).toBeUndefined();
      }
    }),
    { numRuns: 400, seed: 7 },
  );
  expect(Math.min(said.same, said.flips, said.unknown)).toBeGreaterThan(150);
}, 60_000);

test("rules in another order decide nothing else", () => {
  fc.assert(
    fc.property(policyCase, fc.constantFrom(...forms), ({ ruleSets, requests }, form) => {
      const outcomeOf = replay(rules(ruleSets, { tokens: "t" }), rules(ruleSets.toReversed(), { tokens: "t" }));
      for (const request of requests) expect(outcomeOf(recordOf(request, form, ruleSets))).toEqual({ kind: "same" });
    }),
    { numRuns: 150, seed: 7 },
  );
}, 60_000);

/** What an agent records whole. */
const RECORDED = new Set(["principals", "namespaces", "serviceAccounts", "methods", "paths", "ports", "hosts"]);

test("a request that was recorded whole, under rules that ask nothing else, is decided as the evaluator decides it", () => {
  const isTold = ({ from, to, when, expression }: RuleSet["rules"][number]): boolean =>
    when.length === 0 &&
    expression === "" &&
    [...from, ...to].every((each) =>
      Object.entries(each).every(
        ([field, list]) =>
          list.length === 0 || RECORDED.has(field.replace(/^not(.)/, (_, first: string) => first.toLowerCase())),
      ),
    );
  let decided = 0;
  fc.assert(
    fc.property(policyCase, policyCase, (before, after) => {
      const told = (sets: readonly RuleSet[]) =>
        sets.filter(({ action }) => action !== "CUSTOM").map((each) => ({ ...each, rules: each.rules.filter(isTold) }));
      const [is, would] = [told(before.ruleSets), told(after.ruleSets)];
      const outcomeOf = replay(rules(is), rules(would));
      for (const request of before.requests) {
        const [from, to] = [verdictOf(is, request).verdict, verdictOf(would, request).verdict];
        const outcome = outcomeOf({ ...recordOf(request, "whole", is), token: "unread", issuer: "" });
        expect(outcome).toMatchObject(from === to ? { kind: "same" } : flips(to));
        decided++;
      }
    }),
    { numRuns: 200, seed: 7 },
  );
  expect(decided).toBe(2000);
}, 60_000);

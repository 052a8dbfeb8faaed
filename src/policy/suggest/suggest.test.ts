import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AccessSubject } from "#model";
import { parseManifests, writeManifests } from "#model/manifest";
import { lowerAccessPolicy, type ProvedAttributes, requestAttributes } from "#policy";
import { decideNaively } from "../../../test/fakes/naive-policy.ts";
import { type ObservedCall, type SuggestOptions, suggestFor } from "./index.ts";

const SERVICE = { namespace: "shop", name: "cart", selector: { app: "cart" } };
const DEFAULTS: SuggestOptions = { rareBelow: 5, isExact: false };

function caller(account: string, trustDomain = "td"): ObservedCall["caller"] {
  if (account === "") return { principal: "", namespace: "", serviceAccount: "" };
  const [namespace = "", name = ""] = account.split("/");
  const principal = `${trustDomain}/ns/${namespace}/sa/${name}`;
  return trustDomain === "td"
    ? { principal, namespace, serviceAccount: account }
    : { principal, namespace: "", serviceAccount: "" };
}

function call(account: string, asked: string, change: Partial<ObservedCall> = {}): ObservedCall {
  const [method = "", path = ""] = asked.split(" ");
  return {
    caller: caller(account),
    protocol: "http",
    detail: path.endsWith("*") ? "prefix" : "whole",
    method,
    path,
    beside: "",
    port: 8080,
    verdict: "allow",
    count: 100,
    lastSeenMs: 1000,
    ...change,
  };
}

const denied = { verdict: "deny", lastSeenMs: 500 } as const;

function known(accounts: Readonly<Record<string, Record<string, string>>>, namespaces = {}): ProvedAttributes {
  const named = Object.entries(accounts).map(([account, labels]) => {
    const [namespace = "", name = ""] = account.split("/");
    return { metadata: { namespace, name, labels } };
  });
  const labelled = Object.entries<Record<string, string>>(namespaces).map(([name, labels]) => ({
    metadata: { namespace: "", name, labels },
  }));
  return { trustDomain: "td", accounts: named, namespaces: labelled };
}

function suggested(calls: readonly ObservedCall[], facts = known({}), options = DEFAULTS) {
  const suggestion = suggestFor(SERVICE, calls, { ...options, known: facts });
  if (suggestion === undefined) throw new Error("nothing was suggested");
  return { ...suggestion, written: suggestion.policies.flatMap(({ spec }) => spec.rules) };
}

/** What a subject says, without what it does not. */
function said(subjects: readonly AccessSubject[]): readonly object[] {
  return subjects.map((each) =>
    Object.fromEntries(Object.entries(each).filter(([, of]) => Object.keys(of).length > 0)),
  );
}

test("what was never seen has no profile", () => {
  expect(suggestFor(SERVICE, [], { ...DEFAULTS, known: known({}) })).toBeUndefined();
});

test("a caller is named, with what it asked for and nothing else", () => {
  const { written, rules, proof } = suggested([
    call("shop/web", "GET /carts/{*}"),
    call("shop/web", "DELETE /carts/{*}"),
    call("shop/web", "POST /carts"),
    call("shop/spy", "GET /carts/{*}", denied),
  ]);
  expect(written).toMatchObject([
    {
      subjects: [{ identities: ["td/ns/shop/sa/web"] }],
      operations: [
        { methods: ["DELETE", "GET"], paths: ["/carts/{*}"] },
        { methods: ["POST"], paths: ["/carts"] },
      ],
    },
  ]);
  expect(rules).toMatchObject([{ callers: ["td/ns/shop/sa/web"], requests: 300, isRare: false, isOpen: false }]);
  expect(proof).toEqual({ passed: 300, refused: 100, unclear: 0 });
});

test("callers that ask for the same are one rule, others have their own", () => {
  const { written } = suggested([call("shop/a", "GET /x"), call("shop/b", "GET /x"), call("shop/c", "GET /y")]);
  expect(written.map(({ subjects }) => said(subjects))).toEqual([
    [{ identities: ["td/ns/shop/sa/a", "td/ns/shop/sa/b"] }],
    [{ identities: ["td/ns/shop/sa/c"] }],
  ]);
});

describe("an attribute stands for callers only where everybody who has it was seen", () => {
  const two = [call("batch/a", "GET /x"), call("batch/b", "GET /x")];
  const subjectsOf = (facts: ProvedAttributes, options = DEFAULTS) =>
    said(suggested(two, facts, options).written[0]?.subjects ?? []);
  const named = [{ identities: ["td/ns/batch/sa/a", "td/ns/batch/sa/b"] }];

  test("a namespace", () => {
    expect(subjectsOf(known({ "batch/a": {}, "batch/b": {} }))).toEqual([{ namespaces: ["batch"] }]);
    expect(subjectsOf(known({ "batch/a": {}, "batch/b": {}, "batch/c": {} }))).toEqual(named);
  });

  test("a label of accounts in a namespace", () => {
    const facts = known({ "batch/a": { tier: "jobs" }, "batch/b": { tier: "jobs" }, "batch/c": {} });
    expect(subjectsOf(facts)).toEqual([{ namespaces: ["batch"], accountLabels: { tier: "jobs" } }]);
  });

  test("not a label of accounts across namespaces: in others, others give it", () => {
    const labels = { tier: "jobs" };
    const facts = known({ "batch/a": labels, "night/b": labels, "batch/c": {}, "night/c": {} });
    const calls = [call("batch/a", "GET /x"), call("night/b", "GET /x")];
    expect(said(suggested(calls, facts).written[0]?.subjects ?? [])).toEqual([
      { identities: ["td/ns/batch/sa/a", "td/ns/night/sa/b"] },
    ]);
  });

  test("a label of namespaces", () => {
    const facts = known({ "batch/a": {}, "night/b": {} }, { batch: { use: "jobs" }, night: { use: "jobs" } });
    const calls = [call("batch/a", "GET /x"), call("night/b", "GET /x")];
    expect(said(suggested(calls, facts).written[0]?.subjects ?? [])).toEqual([{ namespaceLabels: { use: "jobs" } }]);
  });

  test("not one that somebody has who was seen asking for something else", () => {
    const calls = [...two, call("batch/c", "GET /y")];
    const facts = known({ "batch/a": {}, "batch/b": {}, "batch/c": {} });
    expect(
      suggested(calls, facts).written.flatMap(({ subjects }) => subjects.flatMap((each) => each.namespaces)),
    ).toEqual([]);
  });

  test("not one that somebody has who is known by a denied call only", () => {
    expect(said(suggested([...two, call("batch/c", "GET /x", denied)]).written[0]?.subjects ?? [])).toEqual(named);
  });

  test("not where each caller is to be named", () => {
    expect(subjectsOf(known({ "batch/a": {}, "batch/b": {} }), { ...DEFAULTS, isExact: true })).toEqual(named);
  });

  test("and never for callers of other trust domains", () => {
    const foreign = ["a", "b"].map((name) => call("", "GET /x", { caller: caller(`batch/${name}`, "other") }));
    expect(said(suggested(foreign, known({ "batch/a": {}, "batch/b": {} })).written[0]?.subjects ?? [])).toEqual([
      { identities: ["other/ns/batch/sa/a", "other/ns/batch/sa/b"] },
    ]);
  });
});

describe("paths", () => {
  test("many of them below one segment are that prefix", () => {
    const calls = Array.from({ length: 13 }, (_, index) => call("shop/web", `GET /files/f${"x".repeat(index)}`));
    expect(suggested(calls).written[0]?.operations).toMatchObject([{ methods: ["GET"], paths: ["/files/*"] }]);
    expect(suggested(calls.slice(1)).written[0]?.operations[0]?.paths).toHaveLength(12);
  });

  test("less what was denied to the same caller there", () => {
    const calls = Array.from({ length: 13 }, (_, index) => call("shop/web", `GET /files/f${"x".repeat(index)}`));
    const { written, proof } = suggested([...calls, call("shop/web", "GET /files/secret", denied)]);
    expect(written[0]?.operations).toMatchObject([{ paths: ["/files/*"], notPaths: ["/files/secret"] }]);
    expect(proof.refused).toBe(100);
  });

  test("as they are where what was denied cannot be taken out of the prefix", () => {
    const calls = Array.from({ length: 13 }, (_, index) => call("shop/web", `GET /files/f${"x".repeat(index)}`));
    const { written } = suggested([...calls, call("shop/web", "GET /files/{*}", denied)]);
    expect(written[0]?.operations[0]?.paths).toHaveLength(13);
  });

  test("of a template what was denied by name is left out", () => {
    const { written } = suggested([call("shop/web", "GET /carts/{*}"), call("shop/web", "GET /carts/all", denied)]);
    expect(written[0]?.operations).toMatchObject([{ paths: ["/carts/{*}"], notPaths: ["/carts/all"] }]);
  });

  test("that can be read in several ways are not granted, and said", () => {
    const { leftOut, written } = suggested([call("shop/web", "GET /a//b"), call("shop/web", "GET /a")]);
    expect(leftOut).toMatchObject([{ why: "ambiguous-path", path: "/a//b", requests: 100 }]);
    expect(written[0]?.operations[0]?.paths).toEqual(["/a"]);
  });
});

describe("what is not granted", () => {
  test("callers without an identity", () => {
    const { policies, leftOut, proof } = suggested([call("", "GET /x")]);
    expect([policies, leftOut.map(({ why }) => why)]).toEqual([[], ["no-identity"]]);
    expect(proof).toEqual({ passed: 0, refused: 100, unclear: 0 });
  });

  test("what was denied after it was allowed; what was allowed since is", () => {
    const both = (lastSeenMs: number) => [
      call("shop/web", "GET /x"),
      call("shop/web", "GET /x", { verdict: "deny", lastSeenMs }),
    ];
    expect(suggested(both(2000))).toMatchObject({ policies: [], leftOut: [{ why: "denied-since" }] });
    expect(suggested(both(500))).toMatchObject({ leftOut: [], proof: { passed: 100, refused: 0 } });
  });

  test("what was denied without a token, or of another host, and let through with it", () => {
    const both = (later: number) => [
      call("shop/web", "GET /x", { beside: "verified" }),
      call("shop/web", "GET /x", { beside: "none", verdict: "deny", lastSeenMs: 500 }),
      call("shop/web", "GET /x", { beside: "none", lastSeenMs: later }),
    ];
    expect(suggested(both(400))).toMatchObject({ policies: [], leftOut: [{ why: "not-told-apart", requests: 200 }] });
    expect(suggested(both(600))).toMatchObject({ leftOut: [], proof: { passed: 200, refused: 0 } });
  });

  test("a caller of whom only that was recorded, where something was denied to it", () => {
    const open = call("shop/web", " ", { detail: "caller" });
    expect(suggested([open]).rules).toMatchObject([{ isOpen: true }]);
    const { leftOut, policies } = suggested([open, call("shop/web", "GET /x", denied)]);
    expect([policies, leftOut.map(({ why }) => why)]).toEqual([[], ["not-told-apart"]]);
  });
});

test("bytes without HTTP are granted by who sends them", () => {
  const { written, rules } = suggested([call("shop/web", " ", { protocol: "tcp" })]);
  expect(written[0]?.operations).toEqual([]);
  expect(rules[0]?.isOpen).toBe(true);
});

test("what was seen seldom stands in rules of its own, marked, with each caller named", () => {
  const calls = [
    call("batch/a", "GET /x"),
    call("batch/b", "GET /x", { count: 4 }),
    call("batch/a", "POST /x", { count: 1 }),
  ];
  const { written, rules } = suggested(calls, known({ "batch/a": {}, "batch/b": {} }));
  expect(rules.map(({ isRare, requests }) => [isRare, requests])).toEqual([
    [false, 100],
    [true, 4],
    [true, 1],
  ]);
  expect(said(written[1]?.subjects ?? [])).toEqual([{ identities: ["td/ns/batch/sa/b"] }]);
});

test("denied requests of which too little was recorded are said to be unclear", () => {
  const calls = [call("shop/web", "GET /x"), call("shop/web", "GET /x/*", denied)];
  expect(suggested(calls).proof).toEqual({ passed: 100, refused: 0, unclear: 100 });
});

test("more rules than a policy may have are several policies", () => {
  const calls = Array.from({ length: 70 }, (_, index) => call(`shop/w${index}`, `GET /x${"y".repeat(index)}`));
  const { policies } = suggested(calls);
  expect(policies.map(({ metadata }) => metadata.name)).toEqual(["cart-seen-callers", "cart-seen-callers-2"]);
  expect(parseManifests([{ file: "s.yaml", text: writeManifests(policies) }]).ok).toBe(true);
});

const ACCOUNTS = ["shop/web", "shop/admin", "batch/a", "batch/b", "night/c"];
const PATHS = [
  "/",
  "/x",
  "/x/{*}",
  "/x/all",
  "/x/{*}/y",
  "/files/{*}",
  "/x//y",
  "/{*}",
  ..."abcdefghijklmn".replaceAll(/./g, " /files/$&").trim().split(" "),
];
const observed = fc
  .record({
    account: fc.constantFrom(...ACCOUNTS, "other", ""),
    method: fc.constantFrom("GET", "POST"),
    path: fc.constantFrom(...PATHS),
    form: fc.constantFrom("whole", "whole", "whole", "whole", "whole", "prefix", "caller", "tcp"),
    verdict: fc.constantFrom("allow", "allow", "allow", "deny"),
    count: fc.integer({ min: 1, max: 20 }),
    lastSeenMs: fc.integer({ min: 1, max: 9 }),
    beside: fc.constantFrom("", "", "verified"),
    port: fc.constantFrom(8080, 8081),
  })
  .map(({ account, form, ...rest }): ObservedCall => {
    const who = account === "other" ? caller("batch/a", "other") : caller(account);
    if (form === "tcp")
      return { ...rest, caller: who, protocol: "tcp", detail: "whole", method: "", path: "" } as ObservedCall;
    if (form === "caller")
      return { ...rest, caller: who, protocol: "http", detail: "caller", method: "", path: "" } as ObservedCall;
    const path = form === "prefix" ? "/x/*" : rest.path;
    return { ...rest, path, caller: who, protocol: "http", detail: form } as ObservedCall;
  });
/** Several callers that all ask for the same, often for much below one segment. */
const chorus = fc
  .record({ who: fc.subarray(ACCOUNTS), paths: fc.subarray(PATHS), isWide: fc.boolean() })
  .map(({ who, paths, isWide }) => {
    const asked = isWide ? PATHS.filter((path) => path.startsWith("/files/")) : paths;
    return who.flatMap((account) => asked.map((path) => call(account, `GET ${path}`, { detail: "whole" })));
  });
const traffic = fc
  .tuple(fc.array(observed, { minLength: 1, maxLength: 30 }), fc.oneof(fc.constant([]), chorus))
  .map((each) => each.flat());
const labels = fc.constantFrom<Record<string, string>>({}, { tier: "a" }, { tier: "b" });
const facts = fc
  .record({
    accounts: fc.subarray(ACCOUNTS),
    labels: fc.array(labels, { minLength: 5, maxLength: 5 }),
    namespaces: fc.record({ shop: labels, batch: labels, night: labels }),
  })
  .map((each) => {
    const labelled = each.accounts.map((name, index) => [name, each.labels[index] ?? {}] as const);
    return known(Object.fromEntries(labelled), each.namespaces);
  });

/** The literal evaluator shares no code with the one that a suggestion is proved by. */
function literally({ policies }: ReturnType<typeof suggested>, who: ProvedAttributes) {
  const ruleSets = policies.flatMap((each) => lowerAccessPolicy(each, who, { isBelow: false, depth: 0 }));
  return ({ path, protocol, method, port }: ObservedCall, from: ObservedCall["caller"]): "allow" | "deny" => {
    if (policies.length === 0) return "deny";
    const asked = path.replaceAll("{*}", "7").replace(/\*$/, "deeper/still") || "/";
    return decideNaively(ruleSets, requestAttributes({ ...from, protocol, method, path: asked, port })).verdict;
  };
}

function kindOf({ caller: who, protocol, detail, method, path }: ObservedCall): string {
  return JSON.stringify([who.principal, protocol, detail, method, path]);
}

/** Those that a suggestion was derived of, and those of which nothing was ever let through. */
function sides(calls: readonly ObservedCall[], { leftOut }: ReturnType<typeof suggested>) {
  const textOf = (principal: string, method: string, path: string): string => `${principal} ${method} ${path}`;
  const out = new Set(leftOut.map((each) => textOf(each.caller, each.method, each.path)));
  const allowed = calls.filter(({ verdict }) => verdict === "allow");
  const kinds = new Set(allowed.map(kindOf));
  return {
    derived: allowed.filter((each) => !out.has(textOf(each.caller.principal, each.method, each.path))),
    refused: calls.filter((each) => each.detail === "whole" && !kinds.has(kindOf(each))),
  };
}

/** Known to the mesh, and never let through. */
function strangersTo(calls: readonly ObservedCall[], who: ProvedAttributes): readonly ObservedCall["caller"][] {
  const callers = new Set(calls.filter(({ verdict }) => verdict === "allow").map((each) => each.caller.principal));
  return who.accounts
    .map(({ metadata: { namespace, name } }) => caller(`${namespace}/${name}`))
    .filter(({ principal }) => !callers.has(principal));
}

test("of generated traffic all passes that was derived of, and nothing that was only denied, by a literal evaluator", () => {
  const seen = { derived: 0, refused: 0, strange: 0, shared: 0, wide: 0 };
  fc.assert(
    fc.property(traffic, facts, fc.boolean(), (calls, who, isExact) => {
      const suggestion = suggested(calls, who, { rareBelow: 5, isExact });
      const verdictOf = literally(suggestion, who);
      const { derived, refused } = sides(calls, suggestion);
      const strange = strangersTo(calls, who).flatMap((from) => calls.map((each) => verdictOf(each, from)));
      expect(new Set(derived.map((each) => verdictOf(each, each.caller))).has("deny")).toBe(false);
      expect(new Set(refused.map((each) => verdictOf(each, each.caller))).has("allow")).toBe(false);
      expect(new Set(strange).has("allow")).toBe(false);
      seen.derived += derived.length;
      seen.refused += refused.length;
      seen.strange += strange.length;
      const { written } = suggestion;
      seen.shared += written.filter(({ subjects }) => subjects.some((each) => each.identities.length === 0)).length;
      seen.wide += written.filter(({ operations }) =>
        operations.some(({ paths }) => paths.includes("/files/*")),
      ).length;
    }),
    { numRuns: 1000, seed: 7 },
  );
  expect(Object.entries(seen).filter(([, count]) => count < 30)).toEqual([]);
}, 60_000);

test("what is suggested is read again as it was written", () => {
  fc.assert(
    fc.property(fc.array(observed, { minLength: 1, maxLength: 10 }), facts, (calls, who) => {
      const { policies } = suggested(calls, who);
      const read = parseManifests([{ file: "s.yaml", text: writeManifests(policies) }]);
      expect(policies.length === 0 ? [] : read).toEqual(
        policies.length === 0 ? [] : { ok: true, value: [...policies] },
      );
    }),
    { numRuns: 200, seed: 7 },
  );
}, 60_000);

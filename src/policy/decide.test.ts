import { describe, expect, test } from "bun:test";
import {
  compilePolicy,
  decide,
  explain,
  type OperationMatch,
  operationMatch,
  RecentDecisions,
  type RequestAttributes,
  type Rule,
  type RuleSet,
  requestAttributes,
  ruleOf,
  ruleSetOf,
  type SourceMatch,
  sourceMatch,
  wholeRequest,
} from "./index.ts";
import { canonicalPath } from "./path.ts";

const FRONT = "shop.example/ns/shop/sa/front";

function request(change: Partial<RequestAttributes> = {}): RequestAttributes {
  return requestAttributes({
    principal: FRONT,
    namespace: "shop",
    serviceAccount: "shop/front",
    method: "GET",
    path: "/orders",
    host: "orders:8080",
    port: 8080,
    ...change,
  });
}

function set(action: "ALLOW" | "DENY", ...rules: Rule[]): RuleSet {
  const ref = { kind: "AuthorizationPolicy", namespace: "shop", name: action.toLowerCase() };
  return ruleSetOf({ ref, action, rules: rules.map((rule, index) => ({ ...rule, index })) });
}

const from = (change: Partial<SourceMatch>): Rule => ruleOf({ from: [sourceMatch(change)] });
const to = (change: Partial<OperationMatch>): Rule => ruleOf({ to: [operationMatch(change)] });
const EVERYTHING = ruleOf();

describe("the order of evaluation and the meaning of empty", () => {
  const cases: readonly [string, RuleSet[], string, string][] = [
    ["no policy allows", [], "allow", "no-allow-policy"],
    ["an ALLOW without rules denies all", [set("ALLOW")], "deny", "default-deny"],
    ["a DENY without rules does nothing", [set("DENY")], "allow", "no-allow-policy"],
    ["an empty rule matches all", [set("ALLOW", EVERYTHING)], "allow", "allow-rule"],
    ["an empty DENY rule denies all", [set("DENY", EVERYTHING)], "deny", "deny-rule"],
    ["DENY wins over ALLOW", [set("ALLOW", EVERYTHING), set("DENY", to({ paths: ["/orders"] }))], "deny", "deny-rule"],
    [
      "a DENY that does not match leaves it to ALLOW",
      [set("ALLOW", EVERYTHING), set("DENY", to({ paths: ["/x"] }))],
      "allow",
      "allow-rule",
    ],
    ["a DENY alone that does not match allows", [set("DENY", to({ paths: ["/x"] }))], "allow", "no-allow-policy"],
    [
      "rules are an OR",
      [set("ALLOW", from({ principals: ["a"] }), from({ principals: [FRONT] }))],
      "allow",
      "allow-rule",
    ],
    [
      "from and to are an AND",
      [
        set(
          "ALLOW",
          ruleOf({ from: [sourceMatch({ principals: [FRONT] })], to: [operationMatch({ methods: ["POST"] })] }),
        ),
      ],
      "deny",
      "default-deny",
    ],
    [
      "fields of one operation are an AND",
      [set("ALLOW", to({ methods: ["GET"], paths: ["/x"] }))],
      "deny",
      "default-deny",
    ],
  ];
  test.each(cases)("%s", (_name, ruleSets, verdict, reason) => {
    expect(decide(compilePolicy(ruleSets), request())).toMatchObject({
      verdict: verdict as never,
      reason: reason as never,
    });
  });
});

describe("what a condition matches", () => {
  const cases: readonly [string, Rule, Partial<RequestAttributes>, boolean][] = [
    ["an exact principal", from({ principals: [FRONT] }), {}, true],
    ["another principal", from({ principals: ["shop.example/ns/shop/sa/fron"] }), {}, false],
    [
      "a principal of another trust domain",
      from({ principals: [FRONT] }),
      { principal: "evil.example/ns/shop/sa/front" },
      false,
    ],
    ["a prefix", from({ principals: ["shop.example/ns/shop/*"] }), {}, true],
    ["a suffix", from({ principals: ["*/sa/front"] }), {}, true],
    ["presence", from({ principals: ["*"] }), {}, true],
    ["presence of nothing", from({ principals: ["*"] }), { principal: "" }, false],
    ["absence", from({ notPrincipals: ["*"] }), { principal: "" }, true],
    ["a namespace", from({ namespaces: ["shop"] }), {}, true],
    ["a negated namespace", from({ notNamespaces: ["shop"] }), {}, false],
    ["methods are case-sensitive", to({ methods: ["get"] }), {}, false],
    ["a negated method", to({ notMethods: ["GET", "HEAD"] }), {}, false],
    ["a path prefix", to({ paths: ["/ord*"] }), {}, true],
    ["paths are case-sensitive", to({ paths: ["/Orders"] }), {}, false],
    ["a port", to({ ports: ["8080"] }), {}, true],
    ["another port", to({ ports: ["80"] }), {}, false],
    ["a host without its port", to({ hosts: ["ORDERS"] }), {}, true],
    ["a host with its port", to({ hosts: ["orders:8080"] }), {}, true],
    ["a host with a trailing dot", to({ hosts: ["orders"] }), { host: "orders.:8080" }, true],
    ["a host's suffix", to({ hosts: ["*.example.com"] }), { host: "a.example.com" }, true],
    ["a host that only ends alike", to({ hosts: ["*.example.com"] }), { host: "example.com" }, false],
    ["a negated path beside a path", to({ paths: ["/o*"], notPaths: ["/orders"] }), {}, false],
  ];
  test.each(cases)("%s", (_name, rule, change, isMatch) => {
    expect(decide(compilePolicy([set("ALLOW", rule)]), request(change)).verdict).toBe(isMatch ? "allow" : "deny");
    expect(decide(compilePolicy([set("DENY", rule)]), request(change)).verdict).toBe(isMatch ? "deny" : "allow");
  });
});

describe("a path that can be read in two ways passes no rule by it", () => {
  const admin = [set("DENY", to({ paths: ["/admin", "/admin/*"] }))];
  const open = [set("ALLOW", to({ paths: ["/public/*"] }))];
  const tricks = [
    "/admin/x",
    "//admin/x",
    "/x/../admin",
    "/x/%2e%2e/admin",
    "/%61dmin",
    "/admin%2fx",
    "/./admin/",
    "/x\\..\\admin",
    "/x/%252e%252e/admin",
    "/admin;a=b/x",
    "/admin/.",
    "/.//admin",
    "/%2fadmin",
    "/%2e/admin",
    "/x/%2e./admin",
    "/x/..%2Fadmin",
    "/x/..%5cadmin",
    "/admin%5cx",
    "/admin%252fx",
  ];
  test.each(tricks)("a DENY holds for %s", (path) => {
    expect(decide(compilePolicy(admin), request({ path })).verdict).toBe("deny");
  });
  const escapes = [
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/..%2fadmin",
    "/public/..\\admin",
    "/public/x/../../admin",
    "/public/..;a/admin",
    "/%70ublic/x",
    "/public%2f..%2fadmin",
    "/public/%2e%2e%2fadmin",
    "/public/..%5cadmin",
    "/public/x/..%252f..%252fadmin",
    "/PUBLIC/x",
    "/public./x",
    "/public%2fx",
    "//public/x",
  ];
  test.each(escapes)("an ALLOW does not hold for %s", (path) => {
    expect(decide(compilePolicy(open), request({ path })).verdict).toBe("deny");
  });
  test("a plain path under the prefix is allowed, also with an innocent escape", () => {
    expect(decide(compilePolicy(open), request({ path: "/public/a%20b" })).verdict).toBe("allow");
  });
  const canonical: readonly [string, string][] = [
    ["/a//b", "/a/b"],
    ["/a/./b/../c", "/a/c"],
    ["/../../a", "/a"],
    ["/a/..", "/"],
    ["/a/b/..", "/a/"],
    ["/a%2Fb", "/a/b"],
    ["/a;x=1/b", "/a/b"],
    ["/", "/"],
    ["/a/", "/a/"],
  ];
  test.each(canonical)("%s is %s", (path, want) => {
    expect(canonicalPath(path)).toBe(want);
  });
});

describe("a host that can be written in several ways", () => {
  const admin = [set("DENY", to({ hosts: ["admin.example"] }))];
  const onlyShop = [set("ALLOW", to({ hosts: ["shop.example"] }))];

  test.each([
    "admin.example",
    "ADMIN.Example",
    "admin.example.",
    "admin.example:80",
    "Admin.example.:8443",
    "admin.example:",
  ])("a DENY holds for %s", (host) => {
    expect(decide(compilePolicy(admin), request({ host })).verdict).toBe("deny");
  });

  test.each([
    "shop.example.evil.example",
    "evil.example#shop.example",
    "shop.example@evil.example",
    "xshop.example",
    "shop.example..",
    "",
  ])("an ALLOW does not hold for %p", (host) => {
    expect(decide(compilePolicy(onlyShop), request({ host })).verdict).toBe("deny");
  });
});

describe("a connection without HTTP", () => {
  const tcp = { protocol: "tcp", method: "", path: "", host: "" } as const;
  const cases: readonly [string, RuleSet, string][] = [
    ["a DENY by path denies it", set("DENY", to({ paths: ["/admin"] })), "deny"],
    ["a DENY by method and another port does not", set("DENY", to({ methods: ["GET"], ports: ["9"] })), "allow"],
    ["an ALLOW by method does not allow it", set("ALLOW", to({ methods: ["GET"] })), "deny"],
    ["an ALLOW by principal does", set("ALLOW", from({ principals: [FRONT] })), "allow"],
  ];
  test.each(cases)("%s", (_name, ruleSet, verdict) => {
    expect(decide(compilePolicy([ruleSet]), request(tcp)).verdict).toBe(verdict as never);
  });
});

describe("a decision names its author", () => {
  test("the first rule that matches, by policy and index", () => {
    const policy = compilePolicy([
      set("ALLOW", from({ principals: ["x"] }), EVERYTHING, from({ principals: [FRONT] })),
    ]);
    expect(decide(policy, request())).toMatchObject({ rule: 1, label: "AuthorizationPolicy/shop/allow" });
  });
  test("a default deny names the policies that were not met", () => {
    expect(decide(compilePolicy([set("ALLOW")]), request()).label).toBe(
      "default-deny: no rule of AuthorizationPolicy/shop/allow matched",
    );
  });
  test("the nearest miss tells what did not match", () => {
    const rules = [
      from({ principals: ["x"] }),
      ruleOf({
        from: [sourceMatch({ principals: [FRONT] })],
        to: [operationMatch({ methods: ["POST"], paths: ["/orders"] })],
      }),
    ];
    const { nearestMiss } = explain(
      compilePolicy([set("ALLOW", from({ principals: ["x"], namespaces: ["y"] }), ...rules.slice(1))]),
      wholeRequest(request()),
    );
    expect(nearestMiss).toMatchObject({ failed: ["methods"], decision: { rule: 1 } });
  });
});

test("with ten thousand policies a decision looks at few of them", () => {
  const many = Array.from({ length: 10_000 }, (_, index) =>
    set("ALLOW", from({ principals: [`shop.example/ns/shop/sa/w${index}`] })),
  );
  const compiled = compilePolicy(many);
  const each = request({ principal: "shop.example/ns/shop/sa/w9999" });
  const started = performance.now();
  for (let turn = 0; turn < 100_000; turn++) decide(compiled, each);
  // A scan of them all would take minutes; the bound is generous so that a busy machine does not fail it.
  expect((performance.now() - started) / 100).toBeLessThan(20);
  expect(decide(compiled, each).verdict).toBe("allow");
});

test("what was decided lately does not outlive the policy", () => {
  const recent = new RecentDecisions();
  const [open, closed] = [compilePolicy([]), compilePolicy([set("ALLOW")])];
  const verdicts = [open, open, closed, closed, open].map((policy) => recent.decide(policy, request()).verdict);
  expect(verdicts).toEqual(["allow", "allow", "deny", "deny", "allow"]);
});

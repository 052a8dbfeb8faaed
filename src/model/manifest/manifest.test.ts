import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nearestName, parseManifests, writeManifests } from "./index.ts";

function read(text: string) {
  return parseManifests([{ file: "a.yaml", text }]);
}

function problemsOf(text: string): readonly string[] {
  const result = read(text);
  return result.ok
    ? []
    : result.problems.map(({ at, code, message }) => `${at?.line}:${at?.column} ${at?.field ?? ""} ${code} ${message}`);
}

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: cart, namespace: shop }
spec:
  selector: { matchLabels: { app: cart } }
  rules:
    - from: [{ source: { principals: ["td/ns/shop/sa/web"] } }]
      to: [{ operation: { methods: [GET] } }]
`;

describe("a manifest", () => {
  test("becomes resources with their defaults", () => {
    const result = read(
      `apiVersion: heddle.dev/v1\nkind: Mesh\nmetadata: { name: mesh }\nspec: { trustDomain: td, svidTtl: 20s }\n---\n${POLICY}`,
    );
    expect(result.ok ? result.value : result.problems).toMatchObject([
      { kind: "Mesh", metadata: { namespace: "" }, spec: { svidTtlMs: 20_000, explainDenials: true } },
      {
        kind: "AuthorizationPolicy",
        spec: {
          action: "ALLOW",
          selector: { app: "cart" },
          rules: [{ from: [{ principals: ["td/ns/shop/sa/web"], namespaces: [] }] }],
        },
      },
    ]);
  });

  test("tells no rules from one that matches all", () => {
    const head = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p }\n";
    const none = read(`${head}spec: {}\n`);
    const all = read(`${head}spec: { rules: [{}] }\n`);
    expect(none.ok && none.value[0]?.kind === "AuthorizationPolicy" ? none.value[0].spec.rules : "?").toBeUndefined();
    expect(all.ok && all.value[0]?.kind === "AuthorizationPolicy" ? all.value[0].spec.rules : "?").toEqual([
      { from: [], to: [], when: [] },
    ]);
  });

  test("of the shop is read, and is the same when written and read again", () => {
    const folder = join(import.meta.dir, "../../../examples/shop/policies");
    const files = readdirSync(folder).map((name) => ({ file: name, text: readFileSync(join(folder, name), "utf8") }));
    const first = parseManifests(files);
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    expect(first.value.length).toBe(10);
    expect(read(writeManifests(first.value))).toEqual(first);
  });

  test("with everything that a policy can say is the same when written and read again", () => {
    const everything = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: all, namespace: shop, annotations: { istio.io/dry-run: "true" } }
spec:
  action: CUSTOM
  provider: { name: opa }
  rules:
    - from:
        - source: { serviceAccounts: [web, other/web], requestPrincipals: ["*"], remoteIpBlocks: ["2001:db8::/32"] }
        - source: { notPrincipals: ["*"], ipBlocks: [10.0.0.0/8, 192.0.2.1] }
      to: [{ operation: { paths: ["/a/{*}/b/{**}"], ports: ["8080"] } }]
      when:
        - { key: "request.headers[X-Role]", values: [a], notValues: ["b*"] }
        - { key: "request.auth.claims[a][b]", values: [c] }
`;
    const first = read(everything);
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    expect(first.value[0]).toMatchObject({ spec: { action: "CUSTOM", provider: "opa" } });
    expect(read(writeManifests(first.value))).toEqual(first);
  });

  test.each([
    [
      "an unknown field",
      POLICY.replace("selector:", "selectors:"),
      "5:3 spec.selectors HDL_MANIFEST_INVALID there is no field `selectors` here; did you mean `selector`?",
    ],
    [
      "an unknown field deep inside",
      POLICY.replace("principals", "principal"),
      "7:26 spec.rules[0].from[0].source.principal HDL_MANIFEST_INVALID there is no field `principal` here; did you mean `principals`?",
    ],
    [
      "a condition on what is not known",
      `${POLICY}      when: [{ key: source.labels, values: [a] }]\n`,
      "9:21 spec.rules[0].when[0].key HDL_MANIFEST_INVALID there is no key `source.labels`",
    ],
    [
      "a condition on Envoy's filters",
      `${POLICY}      when: [{ key: "experimental.envoy.filters.a[b]", values: [c] }]\n`,
      "looks into a filter of Envoy, which is not in this data plane",
    ],
    [
      "a condition without values",
      `${POLICY}      when: [{ key: source.ip }]\n`,
      "spec.rules[0].when[0] HDL_MANIFEST_INVALID needs `values` or `notValues`",
    ],
    [
      "a condition on an address that is none",
      `${POLICY}      when: [{ key: source.ip, values: [10.0.0.0/33] }]\n`,
      "spec.rules[0].when[0].values[0] HDL_MANIFEST_INVALID must be an address or a block",
    ],
    [
      "a block of addresses that is none",
      POLICY.replace('principals: ["td/ns/shop/sa/web"]', "ipBlocks: [10.0.0]"),
      "source.ipBlocks[0] HDL_MANIFEST_INVALID must be an address or a block",
    ],
    [
      "service accounts beside principals",
      POLICY.replace("principals:", "serviceAccounts: [web], principals:"),
      "has `serviceAccounts` beside `principals`",
    ],
    [
      "a wildcard among service accounts",
      POLICY.replace('principals: ["td/ns/shop/sa/web"]', 'serviceAccounts: ["*"]'),
      "serviceAccounts[0] HDL_MANIFEST_INVALID must be `account` or `namespace/account`",
    ],
    ["a port that is none", POLICY.replace("methods: [GET]", 'ports: ["80a"]'), "operation.ports[0]"],
    ["a template that is none", POLICY.replace("methods: [GET]", 'paths: ["/{a}"]'), "operation.paths[0]"],
    [
      "no provider for CUSTOM",
      POLICY.replace("  rules:", "  action: CUSTOM\n  rules:"),
      "6:11 spec.action HDL_MANIFEST_INVALID is `CUSTOM`, which needs a `provider`",
    ],
    [
      "a provider for nothing",
      POLICY.replace("  rules:", "  provider: { name: a }\n  rules:"),
      "6:13 spec.provider HDL_MANIFEST_INVALID is only for the action `CUSTOM`",
    ],
    [
      "an unknown kind",
      POLICY.replace("kind: AuthorizationPolicy", "kind: AuthorisationPolicy"),
      "2:7 kind HDL_MANIFEST_KIND there is no kind `AuthorisationPolicy`; did you mean `AuthorizationPolicy`?",
    ],
    ["no kind", "a: 1\n", "HDL_MANIFEST_KIND the document has no `kind`"],
    ["a wrong version", POLICY.replace("io/v1", "io/v2"), "1:13 apiVersion HDL_MANIFEST_INVALID"],
    ["a bad action", POLICY.replace("  rules:", "  action: PERMIT\n  rules:"), "6:11 spec.action HDL_MANIFEST_INVALID"],
    [
      "a name given twice",
      `${POLICY}---\n${POLICY}`,
      "HDL_MANIFEST_REPEATED AuthorizationPolicy/shop/cart was already given at a.yaml:1",
    ],
    ["broken YAML", "a: [1,\n", "HDL_MANIFEST_INVALID"],
    [
      "a bomb of aliases",
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${Array(30).fill("*a")}]\nc: &c [${Array(30).fill("*b")}]\nd: [${Array(30).fill("*c")}]\n`,
      "HDL_MANIFEST_INVALID Excessive alias count",
    ],
  ])("with %s is refused at its place", (_name, text, want) => {
    expect(problemsOf(text).join("\n")).toContain(want);
  });

  test("without documents is no resources", () => {
    expect(read("# nothing\n")).toEqual({ ok: true, value: [] });
    expect(read("")).toEqual({ ok: true, value: [] });
  });
});

test.each([
  ["principls", "principals"],
  ["Svc", "none"],
  ["METHODS", "methods"],
])("the name nearest to %s is %s", (given, want) => {
  expect(nearestName(given, ["principals", "methods", "paths"]) ?? "none").toBe(want);
});

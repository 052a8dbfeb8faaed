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
      { from: [], to: [] },
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
    ["an unsupported field", `${POLICY}      when: [{ key: a }]\n`, "9:7 spec.rules[0].when HDL_MANIFEST_INVALID"],
    [
      "an unknown kind",
      POLICY.replace("kind: AuthorizationPolicy", "kind: AuthorisationPolicy"),
      "2:7 kind HDL_MANIFEST_KIND there is no kind `AuthorisationPolicy`; did you mean `AuthorizationPolicy`?",
    ],
    ["no kind", "a: 1\n", "HDL_MANIFEST_KIND the document has no `kind`"],
    ["a wrong version", POLICY.replace("io/v1", "io/v2"), "1:13 apiVersion HDL_MANIFEST_INVALID"],
    ["a bad action", POLICY.replace("  rules:", "  action: AUDIT\n  rules:"), "6:11 spec.action HDL_MANIFEST_INVALID"],
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

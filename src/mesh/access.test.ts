import { describe, expect, test } from "bun:test";
import { parseTrustDomain } from "#identity";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { compilePolicy, decide, requestAttributes } from "#policy";
import { decideNaively } from "../../test/fakes/naive-policy.ts";
import { emptySnapshot, nextSnapshot, scopeFor } from "./index.ts";

const trustDomain = valueOrThrow(parseTrustDomain("td"));

const namespace = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels },
});
const account = (name: string, labels: Record<string, string>, of = "shop") => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: of, labels },
});
const access = (name: string, spec: object, of = "shop") => ({
  apiVersion: "heddle.dev/v1",
  kind: "AccessPolicy",
  metadata: { name, namespace: of },
  spec,
});
const istio = (name: string, spec: object, of = "shop") => ({
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name, namespace: of },
  spec,
});
const ANYBODY = { action: "Allow", rules: [{}] };
const TREE = [
  namespace("company", {}),
  namespace("retail", { "heddle.dev/parent": "company" }),
  namespace("shop", { "heddle.dev/parent": "retail", environment: "production" }),
  namespace("tests", { environment: "test" }),
];

/** What becomes of a call to a workload in `shop`, by both evaluators. */
function decisionOf(objects: readonly object[], caller: string, change: { path?: string; source?: string } = {}) {
  const text = [...TREE.filter((each) => !objects.some((other) => isOfSameName(each, other))), ...objects];
  const resources = valueOrThrow(
    parseManifests([{ file: "t", text: text.map((each) => JSON.stringify(each)).join("\n---\n") }]),
  );
  const snapshot = nextSnapshot(emptySnapshot(trustDomain), { resources });
  const { ruleSets } = scopeFor(snapshot, { namespace: "shop", labels: { app: "cart" } }, []).inbound;
  const [, of = "", name = ""] = /\/ns\/([^/]+)\/sa\/(.+)$/.exec(caller) ?? [];
  const request = requestAttributes({
    principal: caller,
    namespace: of,
    serviceAccount: of === "" ? "" : `${of}/${name}`,
    method: "GET",
    path: change.path ?? "/",
  });
  const decision = decide(compilePolicy(ruleSets), request);
  expect(decideNaively(ruleSets, request).verdict).toBe(decision.verdict);
  return decision;
}

function isOfSameName(a: { metadata: { name: string }; kind: string }, b: object): boolean {
  const other = b as typeof a;
  return a.kind === other.kind && a.metadata.name === other.metadata.name;
}

const FRONT = "td/ns/shop/sa/front";
const PROD = { subjects: [{ namespaceLabels: { environment: "production" } }] };
const PAYING = { subjects: [{ accountLabels: { team: "pay" } }] };

describe("an AccessPolicy", () => {
  const cases: readonly [string, readonly object[], string, "allow" | "deny"][] = [
    [
      "allows whom it names",
      [access("a", { action: "Allow", rules: [{ subjects: [{ identities: [FRONT] }] }] })],
      FRONT,
      "allow",
    ],
    [
      "denies whom no Allow names",
      [access("a", { action: "Allow", rules: [{ subjects: [{ identities: ["x"] }] }] })],
      FRONT,
      "deny",
    ],
    [
      "rejects whom it names",
      [access("a", { action: "Reject", rules: [{ subjects: [{ namespaces: ["shop"] }] }] })],
      FRONT,
      "deny",
    ],
    [
      "rejects nobody else",
      [access("a", { action: "Reject", rules: [{ subjects: [{ namespaces: ["x"] }] }] })],
      FRONT,
      "allow",
    ],
    ["knows callers by their namespace's labels", [access("a", { action: "Allow", rules: [PROD] })], FRONT, "allow"],
    ["knows others by them", [access("a", { action: "Allow", rules: [PROD] })], "td/ns/tests/sa/front", "deny"],
    [
      "takes no other trust domain's namespace for its own",
      [access("a", { action: "Allow", rules: [PROD] })],
      "evil/ns/shop/sa/front",
      "deny",
    ],
    [
      "knows callers by their account's labels",
      [account("front", { team: "pay" }), access("a", { action: "Allow", rules: [PAYING] })],
      FRONT,
      "allow",
    ],
    ["knows no account without an object", [access("a", { action: "Allow", rules: [PAYING] })], FRONT, "deny"],
    [
      "takes no account of another namespace for it",
      [account("front", { team: "pay" }, "tests"), access("a", { action: "Allow", rules: [PAYING] })],
      FRONT,
      "deny",
    ],
    [
      "needs all that a subject says",
      [access("a", { action: "Allow", rules: [{ subjects: [{ ...PROD.subjects[0], identities: ["*/sa/back"] }] }] })],
      FRONT,
      "deny",
    ],
    [
      "needs one of its subjects",
      [access("a", { action: "Allow", rules: [{ subjects: [{ identities: ["x"] }, { namespaces: ["shop"] }] }] })],
      FRONT,
      "allow",
    ],
    [
      "holds at what it selects",
      [access("a", { action: "Reject", selector: { matchLabels: { app: "x" } }, rules: [{}] })],
      FRONT,
      "allow",
    ],
    ["holds in its namespace", [access("a", { action: "Reject", rules: [{}] }, "tests")], FRONT, "allow"],
    [
      "does not hold below unless it says so",
      [access("a", { action: "Reject", rules: [{}] }, "retail")],
      FRONT,
      "allow",
    ],
    [
      "holds below as a default",
      [access("a", { action: "Reject", propagation: "Default", rules: [{}] }, "company")],
      FRONT,
      "deny",
    ],
    [
      "allows below as a default",
      [access("a", { ...ANYBODY, propagation: "Default" }, "company"), istio("none", {})],
      FRONT,
      "allow",
    ],
    [
      "holds everywhere from the root",
      [access("a", { action: "Reject", propagation: "Guardrail", rules: [{}] }, "heddle-system")],
      FRONT,
      "deny",
    ],
    [
      "bounds as a guardrail whom a child may allow",
      [access("a", { action: "Allow", propagation: "Guardrail", rules: [PROD] }, "company"), access("b", ANYBODY)],
      "td/ns/tests/sa/x",
      "deny",
    ],
    [
      "lets a child allow within it",
      [access("a", { action: "Allow", propagation: "Guardrail", rules: [PROD] }, "company"), access("b", ANYBODY)],
      FRONT,
      "allow",
    ],
    [
      "lets a child deny within it",
      [access("a", { action: "Allow", propagation: "Guardrail", rules: [PROD] }, "company"), istio("none", {})],
      FRONT,
      "deny",
    ],
    [
      "is not weakened by a guardrail between",
      [
        access("a", { action: "Reject", propagation: "Guardrail", rules: [{}] }, "company"),
        access("b", { ...ANYBODY, propagation: "Guardrail" }, "retail"),
      ],
      FRONT,
      "deny",
    ],
    [
      "as a fallback is asked last",
      [access("a", { ...ANYBODY, fallback: true }), access("b", { action: "Reject", fallback: true, rules: [PROD] })],
      FRONT,
      "deny",
    ],
    [
      "as a fallback gives way",
      [access("a", { action: "Reject", fallback: true, rules: [{}] }), access("b", { action: "Allow", rules: [PROD] })],
      FRONT,
      "allow",
    ],
    [
      "that only observes denies nobody",
      [access("a", { action: "Reject", rules: [{ mode: "Observe" }] })],
      FRONT,
      "allow",
    ],
    [
      "that only observes protects nothing",
      [access("a", { action: "Allow", rules: [{ ...PAYING, mode: "Observe" }] })],
      FRONT,
      "allow",
    ],
  ];
  test.each(cases)("%s", (_name, objects, caller, verdict) => {
    expect(decisionOf(objects, caller).verdict).toBe(verdict);
  });

  test("names its rule, also where an earlier one observes", () => {
    const rules = [{ mode: "Observe" }, PROD];
    expect(decisionOf([access("a", { action: "Reject", rules })], FRONT)).toMatchObject({
      rule: 1,
      label: "AccessPolicy/shop/a",
      observed: { verdict: "deny" },
    });
  });
});

describe("the default posture", () => {
  const posture = (name: string, word: string, parent = "company") =>
    namespace(name, { "heddle.dev/parent": parent, "heddle.dev/default-posture": word });
  test("deny denies where nothing allows, and names the namespace", () => {
    expect(decisionOf([posture("retail", "deny")], FRONT)).toMatchObject({
      verdict: "deny",
      label: "default-deny: no rule of Namespace/retail matched",
    });
  });
  test("discovery allows and records", () => {
    expect(decisionOf([posture("shop", "discovery", "retail")], FRONT)).toMatchObject({
      verdict: "allow",
      observed: { verdict: "deny" },
    });
  });
  test("a deny above is not undone below, and a word that is not known denies", () => {
    expect(decisionOf([posture("retail", "deny"), posture("shop", "discovery", "retail")], FRONT).verdict).toBe("deny");
    expect(decisionOf([posture("shop", "dany", "retail")], FRONT).verdict).toBe("deny");
  });
  test("a deny leaves what policies allow, and a discovery what they deny", () => {
    expect(decisionOf([posture("retail", "deny"), access("a", ANYBODY)], FRONT).verdict).toBe("allow");
    expect(decisionOf([posture("retail", "discovery"), istio("none", {})], FRONT).verdict).toBe("deny");
  });
  test("a tree that leads back to itself ends", () => {
    expect(decisionOf([posture("company", "deny", "shop")], FRONT).verdict).toBe("deny");
  });
});

test("a changed label of an account makes a new snapshot", () => {
  const snapshotOf = (team: string, previous = emptySnapshot(trustDomain)) => {
    const objects = [account("front", { team }), access("a", { action: "Allow", rules: [PAYING] })];
    const text = objects.map((each) => JSON.stringify(each)).join("\n---\n");
    return nextSnapshot(previous, { resources: valueOrThrow(parseManifests([{ file: "t", text }])) });
  };
  const first = snapshotOf("pay");
  expect(snapshotOf("pay", first).revision).toBe(first.revision);
  expect(snapshotOf("other", first).revision).toBe(first.revision + 1);
});

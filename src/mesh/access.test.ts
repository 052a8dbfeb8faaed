import { describe, expect, test } from "bun:test";
import { parseTrustDomain } from "#identity";
import { parseAddress, valueOrThrow } from "#model";
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
function decisionOf(objects: readonly object[], caller: string) {
  const text = [...TREE.filter((each) => !objects.some((other) => isOfSameName(each, other))), ...objects];
  const resources = valueOrThrow(
    parseManifests([{ file: "t", text: text.map((each) => JSON.stringify(each)).join("\n---\n") }]),
  );
  const snapshot = nextSnapshot(emptySnapshot(trustDomain), { resources });
  const { ruleSets } = scopeFor(snapshot, { namespace: "shop", labels: { app: "cart" } }, []).rules;
  const [, of = "", name = ""] = /\/ns\/([^/]+)\/sa\/(.+)$/.exec(caller) ?? [];
  const request = requestAttributes({
    principal: caller,
    namespace: of,
    serviceAccount: of === "" ? "" : `${of}/${name}`,
    method: "GET",
    path: "/",
    port: 8080,
    sourceAddress: parseAddress("10.1.2.3"),
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
      "needs its condition",
      [access("a", { action: "Allow", rules: [{ condition: 'method == "GET" && port == 8080' }] })],
      FRONT,
      "allow",
    ],
    [
      "allows nothing that its condition cannot say",
      [access("a", { action: "Allow", rules: [{ condition: 'claims.role == "a"' }] })],
      FRONT,
      "deny",
    ],
    [
      "rejects whom its condition cannot clear",
      [access("a", { action: "Reject", rules: [{ condition: 'claims.role == "a"' }] })],
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

describe("a NetworkPolicy", () => {
  const network = (ingress: object[] | undefined, podSelector: object = {}, of = "shop") => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "n", namespace: of },
    spec: { podSelector, ...(ingress === undefined ? {} : { ingress }) },
  });
  const from = (...peers: object[]) => [{ from: peers }];
  const labelled = (matchLabels: object) => ({ matchLabels });
  const PAY = account("front", { team: "pay" });
  const cases: readonly [string, readonly object[], string, "allow" | "deny"][] = [
    ["without rules lets nobody in", [network(undefined)], FRONT, "deny"],
    ["with an empty rule lets everybody in", [network([{}])], FRONT, "allow"],
    ["lets strangers in with an empty rule", [network([{}])], "", "allow"],
    ["does not hold at what it does not select", [network([], labelled({ app: "x" }))], FRONT, "allow"],
    ["holds at what it selects", [network([], labelled({ app: "cart" }))], FRONT, "deny"],
    [
      "selects by expressions",
      [network([], { matchExpressions: [{ key: "app", operator: "In", values: ["cart"] }] })],
      FRONT,
      "deny",
    ],
    [
      "selects by absence",
      [network([], { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] })],
      FRONT,
      "allow",
    ],
    ["holds in its namespace only", [network([], {}, "retail")], FRONT, "allow"],
    ["means its own namespace by pods alone", [network(from({ podSelector: {} }))], FRONT, "allow"],
    ["means no other by them", [network(from({ podSelector: {} }))], "td/ns/tests/sa/x", "deny"],
    [
      "means all namespaces by an empty selector",
      [network(from({ namespaceSelector: {} }))],
      "td/ns/tests/sa/x",
      "allow",
    ],
    ["means no other trust domain's", [network(from({ namespaceSelector: {} }))], "evil/ns/shop/sa/x", "deny"],
    ["means no stranger", [network(from({ namespaceSelector: {} }))], "", "deny"],
    [
      "means namespaces by their labels",
      [network(from({ namespaceSelector: labelled({ environment: "test" }) }))],
      "td/ns/tests/sa/x",
      "allow",
    ],
    [
      "means none without them",
      [network(from({ namespaceSelector: labelled({ environment: "test" }) }))],
      FRONT,
      "deny",
    ],
    [
      "means a namespace by its name",
      [network(from({ namespaceSelector: labelled({ "kubernetes.io/metadata.name": "tests" }) }))],
      "td/ns/tests/sa/x",
      "allow",
    ],
    [
      "means pods by their account's labels",
      [PAY, network(from({ podSelector: labelled({ team: "pay" }) }))],
      FRONT,
      "allow",
    ],
    [
      "means no others by them",
      [PAY, network(from({ podSelector: labelled({ team: "pay" }) }))],
      "td/ns/shop/sa/x",
      "deny",
    ],
    [
      "needs namespace and pod of one peer",
      [
        PAY,
        network(from({ namespaceSelector: labelled({ environment: "test" }), podSelector: labelled({ team: "pay" }) })),
      ],
      FRONT,
      "deny",
    ],
    [
      "needs one of several peers",
      [network(from({ podSelector: {} }, { namespaceSelector: labelled({ environment: "test" }) }))],
      "td/ns/tests/sa/x",
      "allow",
    ],
    ["knows a block", [network(from({ ipBlock: { cidr: "10.0.0.0/8" } }))], "", "allow"],
    [
      "knows what a block excepts",
      [network(from({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }))],
      "",
      "deny",
    ],
    ["knows a port", [network([{ ports: [{ port: 8080 }] }])], FRONT, "allow"],
    ["knows another", [network([{ ports: [{ port: 80 }] }])], FRONT, "deny"],
    ["knows a range of ports", [network([{ ports: [{ port: 8000, endPort: 8999 }] }])], FRONT, "allow"],
    ["knows what is past its end", [network([{ ports: [{ port: 8000, endPort: 8079 }] }])], FRONT, "deny"],
    ["knows every port of a protocol", [network([{ ports: [{ protocol: "TCP" }] }])], FRONT, "allow"],
    ["opens nothing here by another protocol", [network([{ ports: [{ protocol: "UDP" }] }])], FRONT, "deny"],
    ["does not do away with what denies", [network([{}]), istio("none", {})], FRONT, "deny"],
    ["is not done away with by what allows", [network([]), istio("all", { rules: [{}] })], FRONT, "deny"],
    [
      "adds up with others",
      [network([]), { ...network([{}]), metadata: { name: "m", namespace: "shop" } }],
      FRONT,
      "allow",
    ],
  ];
  test.each(cases)("%s", (_name, objects, caller, verdict) => {
    expect(decisionOf(objects, caller).verdict).toBe(verdict);
  });
  test("says so when it selects nobody that is known", () => {
    const { label } = decisionOf([network(from({ podSelector: labelled({ team: "x" }) }))], FRONT);
    expect(label).toContain("rule 0 cannot be decided here: no Namespace or ServiceAccount has the labels");
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

import { describe, expect, test } from "bun:test";
import type { ExplainQuestion } from "#api";
import { parseTrustDomain, workloadSpiffeId } from "#identity";
import { emptySnapshot, nextSnapshot, type Registration } from "#mesh";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { explanationOf } from "./explanation.ts";

const trustDomain = valueOrThrow(parseTrustDomain("td"));

const POLICIES = `
{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: deny-all, namespace: shop }, spec: {} }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: cart-callers, namespace: shop }
spec:
  selector: { matchLabels: { app: cart } }
  rules:
    - from: [{ source: { principals: [td/ns/shop/sa/web] } }]
      to: [{ operation: { methods: [GET], paths: [/carts/*] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-admin, namespace: shop }
spec:
  action: DENY
  rules: [{ to: [{ operation: { paths: [/carts/admin] } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: canary-only-web2, namespace: shop, annotations: { istio.io/dry-run: "true" } }
spec:
  selector: { matchLabels: { version: v2 } }
  action: DENY
  rules: [{ from: [{ source: { notPrincipals: [td/ns/shop/sa/web2] } }] }]
`;

function replica(instance: string, labels: Readonly<Record<string, string>>): [string, Registration] {
  const registration = {
    namespace: "shop",
    serviceAccount: "cart",
    instance,
    spiffeId: workloadSpiffeId(trustDomain, "shop", "cart"),
    address: "127.0.0.1",
    meshPort: 15_008,
    appPort: 8080,
    labels: { app: "cart", "heddle.dev/service": "cart", ...labels },
    ready: true,
  };
  return [`shop/${instance}`, registration];
}

const snapshot = nextSnapshot(emptySnapshot(trustDomain), {
  resources: valueOrThrow(parseManifests([{ file: "p.yaml", text: POLICIES }])),
  registrations: new Map([replica("cart-1", { version: "v1" }), replica("cart-2", { version: "v1" })]),
});

const asked: ExplainQuestion = {
  source: "shop/web",
  destination: "shop/cart",
  method: "GET",
  path: "/carts/7?all=1",
  headers: [],
  absentHeaders: [],
};

function outcomes(more: Partial<ExplainQuestion> = {}, of = snapshot) {
  return valueOrThrow(explanationOf(of, { ...asked, ...more }, 0)).outcomes;
}

test("an allowed request names its rule, and replicas with the same policies are told once", () => {
  const [outcome, ...others] = outcomes();
  expect(others).toEqual([]);
  expect(outcome).toMatchObject({
    instances: ["cart-1", "cart-2"],
    verdict: "allow",
    label: "AuthorizationPolicy/shop/cart-callers",
    rule: 0,
  });
  const order = outcome?.considered.map(({ action, policy, rule }) => [action, policy.name, rule]);
  expect(order).toEqual([
    ["DENY", "no-admin", -1],
    ["ALLOW", "cart-callers", 0],
    ["ALLOW", "deny-all", -1],
  ]);
});

test("a denied request names the rule that denies, before those that would allow", () => {
  expect(outcomes({ path: "/carts/admin" })[0]).toMatchObject({
    verdict: "deny",
    reason: "deny-rule",
    label: "AuthorizationPolicy/shop/no-admin",
  });
});

test("what nearly matched is named with what of it did not hold", () => {
  const miss = { policy: { name: "cart-callers" }, rule: 0, failed: ["methods"] };
  expect(outcomes({ method: "DELETE" })[0]).toMatchObject({ reason: "default-deny", nearestMiss: miss });
  expect(outcomes({ source: "-" })[0]?.nearestMiss).toMatchObject({ failed: ["principals"] });
  expect(outcomes({ source: "spiffe://other/ns/shop/sa/web" })[0]?.nearestMiss).toMatchObject({
    failed: ["principals"],
  });
});

test("what has no namespace is named as in logs and answers", () => {
  const posture =
    "{ apiVersion: v1, kind: Namespace, metadata: { name: shop, labels: { heddle.dev/default-posture: deny } } }";
  const resources = valueOrThrow(parseManifests([{ file: "p.yaml", text: `${POLICIES}---\n${posture}` }]));
  const considered = outcomes({}, nextSnapshot(snapshot, { resources }))[0]?.considered;
  expect(considered?.map(({ label }) => label)).toContain("Namespace/shop");
});

test("bytes without HTTP meet a DENY of paths and no ALLOW of them", () => {
  expect(outcomes({ path: undefined })[0]).toMatchObject({ verdict: "deny", reason: "deny-rule" });
});

test("a policy of an external authorizer denies, as agents do that cannot ask it", () => {
  const custom = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask-opa, namespace: shop }
spec: { action: CUSTOM, provider: { name: opa }, rules: [{ to: [{ operation: { paths: [/carts/*] } }] }] }
`;
  const resources = valueOrThrow(parseManifests([{ file: "p.yaml", text: `${POLICIES}---${custom}` }]));
  const [outcome] = outcomes({}, nextSnapshot(snapshot, { resources }));
  expect(outcome).toMatchObject({ verdict: "deny", policy: { name: "ask-opa" }, rule: 0 });
  expect(outcome?.label).toContain("the external authorizer opa is not known here");
  expect(outcome?.considered[0]).toMatchObject({ action: "CUSTOM", rule: 0 });
  const provider =
    "apiVersion: heddle.dev/v1\nkind: AuthorizationProvider\nmetadata: { name: opa }\nspec: { grpc: { url: http://127.0.0.1:9000 } }\n";
  const known = valueOrThrow(parseManifests([{ file: "p.yaml", text: `${POLICIES}---${custom}---\n${provider}` }]));
  const [asked] = outcomes({}, nextSnapshot(snapshot, { resources: known }));
  expect(asked?.external).toEqual({ provider: "opa", label: "AuthorizationPolicy/shop/ask-opa", rule: 0 });
  expect(asked?.verdict).toBe(outcomes({})[0]?.verdict as "allow");
});

test("replicas with policies of their own are told apart, with what is only observed there", () => {
  const registrations = new Map([replica("cart-1", { version: "v1" }), replica("cart-2", { version: "v2" })]);
  const [first, second] = outcomes({}, nextSnapshot(snapshot, { registrations }));
  expect([first?.instances, first?.observed]).toEqual([["cart-1"], undefined]);
  expect(second).toMatchObject({ instances: ["cart-2"], verdict: "allow", observed: { verdict: "deny" } });
});

describe("what is not known", () => {
  const teams = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: teams, namespace: shop }
spec:
  rules:
    - when: [{ key: "request.headers[x-team]", values: [orders] }]
    - when: [{ key: "request.auth.claims[role]", values: [auditor] }]
    - from: [{ source: { ipBlocks: [10.0.0.0/8] } }]
    - when: [{ key: connection.sni, values: [cart.example] }]
`;
  const tokens = `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { jwtRules: [{ issuer: "https://login.example" }] }
`;
  const withTokens = nextSnapshot(snapshot, {
    resources: valueOrThrow(parseManifests([{ file: "p.yaml", text: `${teams}---${tokens}` }])),
  });
  const without = nextSnapshot(snapshot, {
    resources: valueOrThrow(parseManifests([{ file: "p.yaml", text: teams }])),
  });

  test("is named where the verdict depends on it, with the best and the worst that can come of it", () => {
    expect(outcomes({}, withTokens)[0]).toMatchObject({
      verdict: "depends",
      dependsOn: ["request.headers[x-team]", "request.auth.claims[role]", "source.ip"],
      either: [
        { verdict: "allow", label: "AuthorizationPolicy/shop/teams", rule: 0 },
        { verdict: "deny", reason: "default-deny" },
      ],
      considered: [{ rule: -1, open: { rule: 0, unknown: ["request.headers[x-team]"] } }],
    });
  });

  test.each<[string, Partial<ExplainQuestion>, number]>([
    ["a header", { headers: [{ name: "X-Team", value: "orders" }] }, 0],
    ["a claim", { token: { kind: "part", claims: { role: "auditor" } } }, 1],
    ["a whole token", { token: { kind: "whole", claims: { role: ["auditor"] } } }, 1],
    ["an address", { sourceIp: "10.1.2.3" }, 2],
    ["a server name, of bytes", { path: undefined, sni: "Cart.example" }, 3],
  ])("is known by %s that is given", (_, more, rule) => {
    expect(outcomes(more, withTokens)[0]).toMatchObject({ verdict: "allow", rule, dependsOn: [] });
  });

  test("is nothing once all is given", () => {
    const all = { absentHeaders: ["X-Team"], token: { kind: "none" }, sourceIp: "192.0.2.1", sni: "" } as const;
    const [outcome] = outcomes({ ...all, absentHeaders: ["X-Team"] }, withTokens);
    expect(outcome).toMatchObject({
      verdict: "deny",
      unknown: [],
      nearestMiss: { failed: ["when request.headers[x-team]"] },
    });
  });

  test("of a server name, where agents do not know it, restricts as at an agent, and a name that is given changes nothing", () => {
    const http = {
      absentHeaders: ["X-Team"],
      token: { kind: "none" },
      sourceIp: "192.0.2.1",
      sni: "cart.example",
    } as const;
    const of = (more: Partial<ExplainQuestion>) =>
      outcomes({ ...http, absentHeaders: ["X-Team"], ...more }, withTokens)[0];
    const words = "The server name that was given is not looked at";
    expect(of({})).toMatchObject({ verdict: "deny", unknown: [], notes: [expect.stringContaining(words)] });
    expect(of({ source: "-" })).toMatchObject({
      verdict: "deny",
      unknown: [],
      notes: [expect.stringContaining(words)],
    });
    expect(of({ path: undefined })).toMatchObject({ verdict: "allow", rule: 3, notes: [] });
    expect(of({ sni: undefined })).toMatchObject({ verdict: "deny", notes: [] });
  });

  test("does not include a token where tokens are not looked at, which is said", () => {
    const [outcome] = outcomes({ token: { kind: "part", claims: { role: "auditor" } } }, without);
    expect(outcome?.dependsOn).not.toContain("request.auth.claims[role]");
    expect(outcome?.notes.join()).toContain("No RequestAuthentication is in force there");
  });
});

test.each([
  [{ source: "nobody" }, "is no caller"],
  [{ destination: "shop/basket" }, "there is no service shop/basket"],
  [{ sourceIp: "10.0.0" }, "`10.0.0` is no address"],
])("%j is refused with what is wrong", (more, words) => {
  const explained = explanationOf(snapshot, { ...asked, ...more }, 0);
  expect(explained.ok ? "" : `${explained.problems[0].code} ${explained.problems[0].message}`).toContain(
    `HDL_POLICY_QUESTION`,
  );
  expect(explained.ok ? "" : explained.problems[0].message).toContain(words);
});

test("what the caller's own policy does not let out is told before the destination is asked", () => {
  const egress = (spec: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web-egress, namespace: shop }
spec: ${spec}
`;
  const web = (instance: string, tier: string) => {
    const [key, cart] = replica(instance, { tier });
    const spiffeId = workloadSpiffeId(trustDomain, "shop", "web");
    const labels = { app: "web", tier };
    return [key, { ...cart, serviceAccount: "web", spiffeId, labels, address: "10.0.0.9" }] as const;
  };
  const mesh = (spec: string) =>
    nextSnapshot(snapshot, {
      resources: valueOrThrow(parseManifests([{ file: "p.yaml", text: `${POLICIES}---${egress(spec)}` }])),
      registrations: new Map([replica("cart-1", { version: "v1" }), web("web-1", "a"), web("web-2", "b")]),
    });
  const [denied, ...others] = outcomes(
    {},
    mesh("{ podSelector: { matchLabels: { app: web } }, policyTypes: [Egress] }"),
  );
  expect(others).toEqual([]);
  expect(denied).toMatchObject({
    verdict: "deny",
    reason: "egress-denied",
    label: "default-deny: no rule of NetworkPolicy/shop/web-egress matched",
    considered: [{ action: "EGRESS", label: "NetworkPolicy/shop/web-egress", rule: -1 }],
  });
  const open =
    "{ podSelector: { matchLabels: { app: web } }, policyTypes: [Egress], egress: [{ ports: [{ port: 8080 }] }] }";
  const [allowed] = outcomes({}, mesh(open));
  expect(allowed).toMatchObject({ verdict: "allow", label: "AuthorizationPolicy/shop/cart-callers" });
  expect(allowed?.considered[0]).toMatchObject({ action: "EGRESS", rule: 0 });
  const some = outcomes({}, mesh("{ podSelector: { matchLabels: { tier: b } }, policyTypes: [Egress] }"));
  expect(some.map(({ callers, verdict }) => [callers, verdict])).toEqual([
    [["web-1"], "allow"],
    [["web-2"], "deny"],
  ]);
});

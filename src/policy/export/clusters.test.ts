/** The very objects that clusters are given, for one workload that shows each form. */
import { expect, test } from "bun:test";
import { operationMatch, type RuleSet, ruleOf, ruleSetOf, sourceMatch } from "#policy";
import { type ExportFacts, exportFor } from "./index.ts";

const facts: ExportFacts = { trustDomain: "td", nowMs: 0, labelsOf: (_, account) => ({ app: account }) };
const ref = (name: string) => ({ kind: "AuthorizationPolicy", namespace: "shop", name });
const RULES: readonly RuleSet[] = [
  ruleSetOf({
    ref: ref("callers"),
    action: "ALLOW",
    rules: [
      ruleOf({
        from: [sourceMatch({ principals: ["td/ns/shop/sa/web"] })],
        to: [operationMatch({ methods: ["GET", "POST"], paths: ["/charges"] })],
      }),
      ruleOf({ index: 1, from: [sourceMatch({ principals: ["td/ns/admin/*"] })] }),
      ruleOf({ index: 2, from: [sourceMatch({ ipBlocks: ["10.0.0.0/8"] })], to: [operationMatch({ ports: ["80"] })] }),
    ],
  }),
  ruleSetOf({
    ref: ref("no-lab"),
    action: "DENY",
    rules: [ruleOf({ from: [sourceMatch({ ipBlocks: ["10.9.0.0/16"] })], to: [operationMatch({ ports: ["80"] })] })],
  }),
];
const workload = { namespace: "shop", name: "payments", labels: { app: "payments" }, port: 80, ruleSets: RULES };

/** An address says nothing of who a pod is, so that the rules by identity are left out at that port. */
const TOUCHED = "concerns a part of what another rule allows, which is left out whole at the same ports";

test("Cilium", () => {
  const { documents, notes } = exportFor("cilium", workload, facts);
  expect(documents).toEqual([
    {
      apiVersion: "cilium.io/v2",
      kind: "CiliumNetworkPolicy",
      metadata: { name: "payments", namespace: "shop" },
      spec: {
        endpointSelector: { matchLabels: { app: "payments" } },
        ingress: [
          {
            fromEndpoints: [{ matchLabels: { "k8s:io.kubernetes.pod.namespace": "admin" } }],
            toPorts: [
              {
                ports: [
                  { port: "1", endPort: 79, protocol: "TCP" },
                  { port: "81", endPort: 65_535, protocol: "TCP" },
                ],
              },
            ],
          },
          {
            fromCIDRSet: [{ cidr: "10.0.0.0/8", except: ["10.9.0.0/16"] }],
            toPorts: [{ ports: [{ port: "80", protocol: "TCP" }] }],
          },
        ],
      },
    },
  ]);
  expect(notes.filter(({ message }) => message === TOUCHED).map(({ policy }) => policy)).toEqual(
    Array(2).fill("AuthorizationPolicy/shop/no-lab"),
  );
});

test("Cilium, where requests are looked at and nothing is denied", () => {
  const { documents } = exportFor("cilium", { ...workload, ruleSets: RULES.slice(0, 1) }, facts);
  expect(documents).toMatchObject([
    {
      spec: {
        ingress: [
          {
            fromEndpoints: [
              {
                matchLabels: {
                  "k8s:io.kubernetes.pod.namespace": "shop",
                  "k8s:io.cilium.k8s.policy.serviceaccount": "web",
                },
              },
            ],
            toPorts: [
              {
                ports: [{ port: "80", protocol: "TCP" }],
                rules: { http: [{ method: "(?:GET)|(?:POST)", path: "(?:/charges)(?:\\?.*)?" }] },
              },
            ],
          },
          {},
          {},
        ],
      },
    },
  ]);
});

test("Linkerd", () => {
  const { documents } = exportFor("linkerd", { ...workload, ruleSets: RULES.slice(0, 1) }, facts);
  const [server, route, caller, policy, ...more] = documents;
  expect(server).toMatchObject({
    kind: "Server",
    spec: { podSelector: { matchLabels: { app: "payments" } }, port: 80 },
  });
  expect(route).toMatchObject({
    kind: "HTTPRoute",
    metadata: { name: "payments-1" },
    spec: {
      parentRefs: [{ kind: "Server", name: "payments" }],
      rules: [
        {
          matches: ["GET", "POST"].map((method) => ({
            path: { type: "RegularExpression", value: "/charges" },
            method,
          })),
        },
      ],
    },
  });
  expect(caller).toMatchObject({
    kind: "MeshTLSAuthentication",
    spec: { identityRefs: [{ kind: "ServiceAccount", namespace: "shop", name: "web" }] },
  });
  expect(policy).toMatchObject({
    kind: "AuthorizationPolicy",
    spec: {
      targetRef: { kind: "HTTPRoute", name: "payments-1" },
      requiredAuthenticationRefs: [{ kind: "MeshTLSAuthentication", name: "payments-1" }],
    },
  });
  expect(more).toMatchObject([
    { kind: "MeshTLSAuthentication", spec: { identityRefs: [{ kind: "ServiceAccount", namespace: "admin" }] } },
    { kind: "AuthorizationPolicy", spec: { targetRef: { kind: "Server", name: "payments" } } },
    { kind: "NetworkAuthentication", spec: { networks: [{ cidr: "10.0.0.0/8" }] } },
    { kind: "AuthorizationPolicy" },
  ]);
});

test("where nothing may come in, every system is told to let nothing in", () => {
  const closed = { ...workload, ruleSets: [ruleSetOf({ ref: ref("deny-all"), action: "ALLOW" })] };
  const of = (target: Parameters<typeof exportFor>[0]) => exportFor(target, closed, facts);
  expect(of("cilium").documents).toMatchObject([
    { spec: { ingress: [{ fromEndpoints: [{ matchLabels: { "heddle.dev/nobody": "true" } }] }] } },
  ]);
  expect(of("linkerd").documents).toMatchObject([{ kind: "Server" }]);
  expect(of("istio").documents).toMatchObject([{ spec: { action: "ALLOW" } }]);
  expect(of("kubernetes-networkpolicy").documents).toMatchObject([{ spec: { ingress: [] } }]);
  expect(of("envoy-rbac").documents).toMatchObject([
    { http_filters: [{ typed_config: { rules: { action: "ALLOW", policies: {} } } }] },
  ]);
  expect(of("nftables").text).toBe(`table inet heddle {
  chain to-shop-payments {
    drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    tcp dport 80 jump to-shop-payments
  }
}
`);
});

test("a Server without a port is not written, and that is told", () => {
  const { documents, notes } = exportFor("linkerd", { ...workload, port: 0 }, facts);
  expect(documents).toEqual([]);
  expect(notes.at(-1)).toMatchObject({ effect: "not-written", policy: "Service/shop/payments" });
});

import { describe, expect, test } from "bun:test";
import { parseManifests, writeManifests } from "./index.ts";

function read(text: string) {
  return parseManifests([{ file: "a.yaml", text }]);
}

function problemsOf(text: string): string {
  const result = read(text);
  return result.ok ? "" : result.problems.map(({ at, message }) => `${at?.line} ${at?.field} ${message}`).join("\n");
}

const HEAD = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: orders, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: orders }]
`;

const FULL = `${HEAD}  hostnames: ["*.example.com"]
  rules:
    - name: canary
      matches:
        - path: { type: PathPrefix, value: /api }
          headers: [{ name: X-Canary, value: "yes" }]
          queryParams: [{ name: v, type: RegularExpression, value: "[12]" }]
          method: GET
      filters:
        - { type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: X-A, value: b }], remove: [x-c] } }
        - { type: URLRewrite, urlRewrite: { hostname: in.example.com, path: { type: ReplacePrefixMatch, replacePrefixMatch: /v2 } } }
        - { type: RequestMirror, requestMirror: { backendRef: { name: shadow, port: 80 }, percent: 5 } }
      backendRefs:
        - { name: orders-v2, port: 80, weight: 3, filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { add: [{ name: x-v, value: "2" }] } }] }
        - { name: orders, namespace: other, port: 80 }
      timeouts: { request: 1m30s, backendRequest: 500ms }
      retry: { codes: [503], attempts: 3, backoff: 100ms }
    - filters: [{ type: RequestRedirect, requestRedirect: { scheme: https, statusCode: 301 } }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: cart, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: cart }]
  rules: [{ matches: [{ method: { service: shop.Cart, method: Add } }], backendRefs: [{ name: cart, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TLSRoute
metadata: { name: db, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: db }]
  hostnames: [db.example.com]
  rules: [{ backendRefs: [{ name: db, port: 5432 }] }]
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: from-shop, namespace: other }
spec: { from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop }], to: [{ group: "", kind: Service }] }
`;

describe("a route", () => {
  test("without rules sends everything on as it is", () => {
    const result = read(HEAD);
    expect(result.ok ? result.value : result.problems).toMatchObject([
      {
        spec: {
          parentRefs: [{ kind: "Service", namespace: "shop", name: "orders", port: undefined }],
          rules: [{ matches: [{ path: { type: "PathPrefix", value: "/" }, method: undefined }], backendRefs: [] }],
        },
      },
    ]);
  });

  test("with everything is read, and is the same when written and read again", () => {
    const first = read(FULL);
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    const [route] = first.value;
    if (route?.kind !== "HTTPRoute") throw new Error("no HTTPRoute");
    expect(route.spec.rules[0]).toMatchObject({
      matches: [{ headers: [{ name: "x-canary" }] }],
      filters: [{}, {}, { mirror: { backend: { namespace: "shop", name: "shadow" }, share: 0.05 } }],
      backendRefs: [
        { namespace: "shop", weight: 3 },
        { namespace: "other", weight: 1 },
      ],
      requestTimeoutMs: 90_000,
      backendRequestTimeoutMs: 500,
      retry: { codes: [503], attempts: 3, backoffMs: 100 },
    });
    expect(read(writeManifests(first.value))).toEqual(first);
  });

  test.each([
    ["a filter without its field", "filters: [{ type: URLRewrite }]", "urlRewrite"],
    [
      "a filter with another's field",
      "filters: [{ type: URLRewrite, urlRewrite: {}, requestRedirect: {} }]",
      "does not belong",
    ],
    ["a filter that is not known", "filters: [{ type: CORS }]", "must be `RequestHeaderModifier` or"],
    [
      "a redirect and a rewrite",
      "filters: [{ type: URLRewrite, urlRewrite: {} }, { type: RequestRedirect, requestRedirect: {} }]",
      "has both",
    ],
    [
      "a pattern that may take for ever",
      "matches: [{ path: { type: RegularExpression, value: '(a+)+' } }]",
      "cannot be used as a pattern",
    ],
    ["a path that is none", "matches: [{ path: { value: api } }]", "begins with `/`"],
    [
      "a header that says who calls",
      "filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-forwarded-client-cert, value: a }] } }]",
      "cannot be changed",
    ],
    ["a field that is not known", "matches: [{ header: [] }]", "did you mean `headers`?"],
    ["an attempt longer than the whole", "timeouts: { request: 1s, backendRequest: 2s }", "longer than its `request`"],
    [
      "a replaced prefix where none matched",
      "matches: [{ path: { type: Exact, value: /a } }], filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /b } } }]",
      "replaces a prefix",
    ],
  ])("with %s is refused", (_name, rule, want) => {
    expect(problemsOf(`${HEAD}  rules: [{ ${rule} }]\n`)).toContain(want);
  });
});

/** Rule sets and requests that are likely to meet, for comparing evaluators. */
import fc from "fast-check";
import { parseAddress } from "#model";
import { type RequestAttributes, type RuleSet, requestAttributes, ruleSetOf } from "#policy";

const list = (...values: string[]): fc.Arbitrary<string[]> => {
  const some = fc.subarray(values, { minLength: 1, maxLength: Math.min(3, values.length) });
  return fc.oneof({ weight: 4, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: some });
};

const both = (name: string, values: fc.Arbitrary<string[]>): Record<string, fc.Arbitrary<string[]>> => ({
  [name]: values,
  [`not${name.charAt(0).toUpperCase()}${name.slice(1)}`]: values,
});

const principals = list("td/ns/shop/sa/front", "td/ns/shop/*", "*/sa/back", "*", "other/ns/a/sa/b");
const requestPrincipals = list("*", "https://a/u", "https://a/*", "*/u", "*u", "https*", "https://a");
const blocks = list("10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0", "::/0", "192.0.2.128/25");
const values = list("a", "b", "a*", "*b", "*", "a,b");

const source = fc.record({
  ...both("principals", principals),
  ...both("requestPrincipals", requestPrincipals),
  ...both("namespaces", list("shop", "other", "sh*", "*")),
  ...both("serviceAccounts", list("shop/front", "shop/back", "a/b")),
  ...both("ipBlocks", blocks),
  ...both("remoteIpBlocks", blocks),
});
const operation = fc.record({
  ...both("methods", list("GET", "POST", "P*", "*")),
  ...both("paths", list("/a", "/a/*", "/admin", "*/b", "*", "/a/{*}", "/{*}/b/{**}", "/{**}.js")),
  ...both("ports", list("80", "8080", "400-500")),
  ...both("hosts", list("a.com", "*.com", "A.com:80", "*")),
});
const condition = fc.oneof(
  ...[
    ["request.headers[X-Role]", values] as const,
    ["request.auth.claims[role]", values] as const,
    ["request.auth.claims[scope]", values] as const,
    ["request.auth.claims[nested][role]", values] as const,
    ["request.auth.audiences", values] as const,
    ["request.auth.presenter", values] as const,
    ["request.auth.principal", requestPrincipals] as const,
    ["source.principal", principals] as const,
    ["source.namespace", list("shop", "*")] as const,
    ["source.ip", blocks] as const,
    ["remote.ip", blocks] as const,
    ["destination.ip", blocks] as const,
    ["destination.port", list("80", "443")] as const,
    ["connection.sni", values] as const,
  ].map(([key, lists]) => fc.record({ key: fc.constant(key), values: lists, notValues: lists })),
);
const rule = fc.record({
  index: fc.nat(3),
  from: fc.array(source, { maxLength: 2 }),
  to: fc.array(operation, { maxLength: 2 }),
  when: fc.oneof(fc.constant([]), fc.array(condition, { maxLength: 2 })),
  expression: fc.constantFrom(
    "",
    "",
    "",
    "",
    'method == "GET"',
    'claims.role == "a"',
    'path.startsWith("/a") && port < 100',
    "claims.nested.gone",
  ),
  unenforceable: fc.constantFrom("", "", "", "", "", "", "", "the reason"),
});
const action = fc.constantFrom(
  { action: "ALLOW" } as const,
  { action: "ALLOW" } as const,
  { action: "DENY" } as const,
  { action: "DENY" } as const,
  { action: "AUDIT" } as const,
  { action: "CUSTOM", provider: "opa" } as const,
);
const ruleSet = fc
  .record({
    action,
    name: fc.constantFrom("p", "q", "r"),
    tier: fc.constantFrom(100, 100, 100, 0, 7),
    mode: fc.constantFrom("enforce" as const, "enforce" as const, "observe" as const),
    isFallback: fc.constantFrom(false, false, false, true),
    rules: fc.array(rule, { maxLength: 3 }),
  })
  .map(({ action: said, name, ...rest }) => {
    const ref = { kind: "AuthorizationPolicy", namespace: "shop", name };
    return ruleSetOf({ ...said, ...rest, ref } as unknown as Parameters<typeof ruleSetOf>[0]);
  });

const claim = fc.constantFrom<unknown>("a", "b", "a b", "ab", ["a", "c"], ["x"], 7, "");
const claims = fc.option(
  fc
    .record({
      iss: fc.constantFrom("https://a", "https://a/u", ""),
      sub: fc.constantFrom("u", "v/u", ""),
      role: claim,
      scope: claim,
      aud: claim,
      azp: claim,
    })
    .map((each) => ({ ...each, nested: { role: each.role } })),
  { nil: undefined },
);
const address = fc
  .constantFrom("10.1.2.3", "10.9.9.9", "192.0.2.200", "2001:db8::7", "::1", "")
  .map((text) => parseAddress(text));
const header = fc.constantFrom(
  ["x-role", "a"],
  ["x-role", "b"],
  ["x-role", ""],
  ["x-forwarded-for", "10.1.2.3"],
  ["x-forwarded-for", "192.0.2.200, 2001:db8::1"],
  ["x-forwarded-for", "nonsense"],
  ["x-other", "a"],
);
const caller = fc.constantFrom("td/ns/shop/sa/front", "td/ns/shop/sa/back", "other/ns/a/sa/b", "");
const path = fc.constantFrom(
  "/a",
  "/a/b",
  "/admin",
  "/a/../admin",
  "//a",
  "/a%2fb",
  "/",
  "/x/b/c/d",
  "/x.js",
  "/a;v=1",
  "/A",
  "/a/.",
  "/%2e%2e/admin",
  "/a\\b",
);

const request: fc.Arbitrary<RequestAttributes> = fc
  .record({
    principal: caller,
    sourceAddress: address,
    destinationAddress: address,
    serverName: fc.constantFrom("a", "b", "", undefined),
    protocol: fc.constantFrom("http" as const, "http" as const, "http" as const, "tcp" as const),
    method: fc.constantFrom("GET", "POST", "PUT"),
    path,
    host: fc.constantFrom("a.com", "A.COM:80", "b.a.com", "c", "a.com.", "a.com.:80"),
    port: fc.constantFrom(80, 8080, 443),
    headers: fc.array(header, { maxLength: 3 }).map((each) => each.flat()),
    claims,
  })
  .map((each) => {
    const [, namespace, account] = /\/ns\/([^/]+)\/sa\/(.+)$/.exec(each.principal) ?? [];
    const serviceAccount = namespace === undefined ? "" : `${namespace}/${account}`;
    return requestAttributes({ ...each, namespace: namespace ?? "", serviceAccount });
  });

export interface PolicyCase {
  readonly ruleSets: readonly RuleSet[];
  readonly requests: readonly RequestAttributes[];
}

/** Four rule sets at most and ten requests: ten decisions. */
export const policyCase: fc.Arbitrary<PolicyCase> = fc.record({
  ruleSets: fc.array(ruleSet, { maxLength: 4 }),
  requests: fc.array(request, { minLength: 10, maxLength: 10 }),
});

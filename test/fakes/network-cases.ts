/** Rule sets that mostly speak of what networks know, and requests with addresses, for comparing what is exported to networks. */
import fc from "fast-check";
import { parseAddress } from "#model";
import {
  operationMatch,
  type RequestAttributes,
  type RuleSet,
  requestAttributes,
  ruleOf,
  ruleSetOf,
  sourceMatch,
} from "#policy";
import type { PolicyCase } from "./policy-cases.ts";

const some = (...values: string[]): fc.Arbitrary<string[]> => fc.subarray(values, { minLength: 1, maxLength: 2 });
const blocks = some("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0", "::/0", "192.0.2.128/25");

const addresses = fc.oneof(
  blocks.map((ipBlocks) => ({ ipBlocks })),
  blocks.map((notIpBlocks) => ({ notIpBlocks })),
  fc.tuple(blocks, blocks).map(([ipBlocks, notIpBlocks]) => ({ ipBlocks, notIpBlocks })),
);
const identities = fc.oneof(
  some("td/ns/shop/sa/front", "td/ns/shop/sa/back", "td/ns/other/sa/front", "td/ns/shop/*", "td/ns/*").map(
    (principals) => ({ principals }),
  ),
  some("shop", "other").map((namespaces) => ({ principals: ["td/ns/*"], namespaces })),
  some("shop/front", "other/front").map((serviceAccounts) => ({ principals: ["td/ns/*"], serviceAccounts })),
);
const ports = fc.oneof(
  some("80", "8080", "400-500").map((each) => ({ ports: each })),
  some("80", "443").map((notPorts) => ({ notPorts })),
);
const http = fc.constantFrom({ methods: ["GET"] }, { paths: ["/a"] });

const operations = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 4, arbitrary: ports },
  { weight: 1, arbitrary: http },
);

/** By address, by identity, or by either. */
const sources = {
  address: fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 3, arbitrary: addresses }),
  any: fc.oneof(
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 3, arbitrary: identities },
    { weight: 1, arbitrary: addresses },
  ),
};

function ruleSets(kind: keyof typeof sources): fc.Arbitrary<RuleSet[]> {
  const rule = fc.record({ source: sources[kind], operation: operations }).map(({ source, operation }) =>
    ruleOf({
      from: source === undefined ? [] : [sourceMatch(source)],
      to: operation === undefined ? [] : [operationMatch(operation)],
    }),
  );
  const ruleSet = fc
    .record({
      action: fc.constantFrom("ALLOW" as const, "ALLOW" as const, "DENY" as const),
      tier: fc.constantFrom(100, 100, 0),
      rules: fc.array(rule, { maxLength: 3 }),
    })
    .map((said) => ruleSetOf({ ref: { kind: "AuthorizationPolicy", namespace: "shop", name: "p" }, ...said }));
  return fc.array(ruleSet, { maxLength: 3 });
}

const address = fc
  .constantFrom("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.200", "2001:db8::7", "::1")
  .map((text) => parseAddress(text));
const caller = fc.constantFrom(
  "td/ns/shop/sa/front",
  "td/ns/shop/sa/back",
  "td/ns/other/sa/front",
  "abroad/ns/shop/sa/front",
  "",
);

const request: fc.Arbitrary<RequestAttributes> = fc
  .record({
    principal: caller,
    sourceAddress: address,
    destinationAddress: address,
    protocol: fc.constantFrom("http" as const, "tcp" as const),
    method: fc.constantFrom("GET", "POST"),
    path: fc.constantFrom("/a", "/b"),
    port: fc.constantFrom(80, 8080, 443),
  })
  .map((each) => {
    const [, namespace = "", account = ""] = /\/ns\/([^/]+)\/sa\/(.+)$/.exec(each.principal) ?? [];
    return requestAttributes({ ...each, namespace, serviceAccount: namespace === "" ? "" : `${namespace}/${account}` });
  });

/** Three rule sets at most and ten requests. */
export function networkCase(kind: keyof typeof sources): fc.Arbitrary<PolicyCase> {
  return fc.record({ ruleSets: ruleSets(kind), requests: fc.array(request, { minLength: 10, maxLength: 10 }) });
}

/** What policies mean, as tables that people can read: `testdata/*.yaml`. Each decision is also made by the naive evaluator. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { parseAddress } from "#model";
import { parseManifests } from "#model/manifest";
import { decideNaively } from "../../test/fakes/naive-policy.ts";
import {
  compilePolicy,
  decide,
  lowerAuthorizationPolicy,
  type RequestAttributes,
  type RuleSet,
  requestAttributes,
} from "./index.ts";

/** A request by what differs from a GET of /orders by `front`. */
interface Asked {
  /** Service account of the namespace `shop`; "" for a caller without an identity. */
  readonly as?: string;
  readonly principal?: string;
  /** `none` when it is not known. */
  readonly source?: string;
  readonly destination?: string;
  readonly sni?: string;
  readonly tcp?: boolean;
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly port?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

interface PolicyCase {
  readonly name: string;
  readonly policies: readonly object[];
  readonly allow?: readonly Asked[];
  readonly deny?: readonly Asked[];
}

interface RuleCase {
  readonly rule: object;
  readonly matches?: readonly Asked[];
  readonly misses?: readonly Asked[];
}

function table<T>(name: string): readonly T[] {
  return parse(readFileSync(join(import.meta.dir, "testdata", name), "utf8")) as readonly T[];
}

function request(asked: Asked): RequestAttributes {
  const { as = "front", source = "10.0.0.1", destination = "10.0.0.2", tcp = false } = asked;
  const principal = asked.principal ?? (as === "" ? "" : `td/ns/shop/sa/${as}`);
  const [, namespace = "", account = ""] = /\/ns\/([^/]+)\/sa\/(.+)$/.exec(principal) ?? [];
  const headers = Object.entries(asked.headers ?? {}).flatMap(([name, values]) =>
    [values].flat().flatMap((each) => [name, each]),
  );
  const ofHttp = tcp
    ? { method: "", path: "", host: "" }
    : { method: asked.method ?? "GET", path: asked.path ?? "/orders", host: asked.host ?? "orders.shop:8080" };
  return requestAttributes({
    ...ofHttp,
    principal,
    namespace,
    serviceAccount: namespace === "" ? "" : `${namespace}/${account}`,
    sourceAddress: parseAddress(source),
    destinationAddress: parseAddress(destination),
    serverName: asked.sni,
    protocol: tcp ? "tcp" : "http",
    port: asked.port ?? 8080,
    headers: headers as string[],
    claims: asked.claims,
  });
}

/** Policies as users write them, through everything that they pass. */
function ruleSets(specs: readonly object[]): readonly RuleSet[] {
  const documents = specs.map((each, index) => {
    const { dryRun = false, ...spec } = each as { dryRun?: boolean };
    const annotations = dryRun ? { "istio.io/dry-run": "true" } : {};
    const metadata = { name: `p${index}`, namespace: "shop", annotations };
    return JSON.stringify({ apiVersion: "security.istio.io/v1", kind: "AuthorizationPolicy", metadata, spec });
  });
  const parsed = parseManifests([{ file: "table", text: documents.join("\n---\n") }]);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value.flatMap((each) => (each.kind === "AuthorizationPolicy" ? [lowerAuthorizationPolicy(each)] : []));
}

let decisions = 0;

function expectVerdict(sets: readonly RuleSet[], asked: Asked, verdict: "allow" | "deny"): void {
  const attributes = request(asked);
  const compiled = decide(compilePolicy(sets), attributes).verdict;
  expect({ asked, compiled, naive: decideNaively(sets, attributes).verdict }).toEqual({
    asked,
    compiled: verdict,
    naive: verdict,
  });
  decisions++;
}

describe("a rule", () => {
  for (const { rule, matches = [], misses = [] } of table<RuleCase>("rules.yaml")) {
    test(`${JSON.stringify(rule)} matches what it says`, () => {
      const [allow, deny] = [
        ruleSets([{ action: "ALLOW", rules: [rule] }]),
        ruleSets([{ action: "DENY", rules: [rule] }]),
      ];
      for (const asked of matches) {
        expectVerdict(allow, asked, "allow");
        expectVerdict(deny, asked, "deny");
      }
      for (const asked of misses) {
        expectVerdict(allow, asked, "deny");
        expectVerdict(deny, asked, "allow");
      }
    });
  }
});

for (const file of ["policies.yaml", "paths.yaml"]) {
  describe(file, () => {
    for (const { name, policies, allow = [], deny = [] } of table<PolicyCase>(file)) {
      test(name, () => {
        const sets = ruleSets(policies);
        for (const asked of allow) expectVerdict(sets, asked, "allow");
        for (const asked of deny) expectVerdict(sets, asked, "deny");
      });
    }
  });
}

test("the tables hold at least four hundred decisions", () => {
  expect(decisions).toBeGreaterThanOrEqual(400);
});

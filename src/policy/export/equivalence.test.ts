/** What other systems are given decides as the policies do: always where nothing is noted, and never weaker. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type NetworkPolicy, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import {
  type CompiledPolicy,
  compilePolicy,
  decide,
  lowerNetworkPolicy,
  operationMatch,
  type RequestAttributes,
  type RuleSet,
  ruleOf,
  ruleSetOf,
} from "#policy";
import { importObjects } from "#policy/import";
import { decideAsCilium, decideAsLinkerd } from "../../../test/fakes/cluster-policies.ts";
import { decideAsEnvoy, type RbacFilter } from "../../../test/fakes/envoy-rbac.ts";
import { networkCase } from "../../../test/fakes/network-cases.ts";
import { decideAsNftables } from "../../../test/fakes/nftables-rules.ts";
import { type PolicyCase, policyCase } from "../../../test/fakes/policy-cases.ts";
import { type ExportFacts, type ExportNote, type ExportTarget, exportFor } from "./index.ts";
import { plainPathRegex } from "./requests.ts";

const facts: ExportFacts = {
  trustDomain: "td",
  nowMs: 0,
  labelsOf: (namespace, account) => ({ app: `${namespace}-${account}` }),
};
const written = (target: ExportTarget, ruleSets: readonly RuleSet[], port = 0) =>
  exportFor(target, { namespace: "shop", name: "cart", labels: { app: "cart" }, port, ruleSets }, facts);

function verdictOf(compiled: CompiledPolicy, request: RequestAttributes): "allow" | "deny" {
  const { verdict, external } = decide(compiled, request);
  return external === undefined ? verdict : "deny";
}

interface Compared {
  readonly notes: readonly ExportNote[];
  readonly decide: (request: RequestAttributes) => "allow" | "deny";
  /** Whether the other system must decide this request as we do, when nothing was noted. */
  readonly isComparable: (request: RequestAttributes) => boolean;
}

/** Runs cases through an export, and counts the requests that were compared and found the same, and those allowed by both. */
function compare(
  cases: fc.Arbitrary<PolicyCase>,
  exported: (ruleSets: readonly RuleSet[]) => Compared,
  numRuns = 2500,
) {
  const counts = { same: 0, allowed: 0, open: 0 };
  const check = ({ ruleSets, requests }: PolicyCase): void => {
    const { notes, decide: decideThere, isComparable } = exported(ruleSets);
    const compiled = compilePolicy(ruleSets);
    const isSame = notes.every(({ effect }) => effect === "same");
    const verdicts = requests
      .filter(
        ({ sourceAddress, destinationAddress }) => sourceAddress !== undefined && destinationAddress !== undefined,
      )
      .map((request) => ({ request, here: verdictOf(compiled, request), there: decideThere(request) }));
    expect(verdicts.filter(({ here, there }) => here === "deny" && there === "allow")).toEqual([]);
    counts.open += verdicts.filter(({ there }) => there === "allow").length;
    const bound = isSame ? verdicts.filter(({ request }) => isComparable(request)) : [];
    expect(bound.filter(({ here, there }) => here !== there)).toEqual([]);
    counts.same += bound.length;
    counts.allowed += bound.filter(({ there }) => there === "allow").length;
  };
  fc.assert(fc.property(cases, check), { numRuns, seed: 7 });
  return counts;
}

const AMBIGUOUS = /[%\\;]|\/\/|\/\.\.?(?:\/|$)/;

function asEnvoy(ruleSets: readonly RuleSet[]): Compared {
  const { documents, notes } = written("envoy-rbac", ruleSets);
  const [filters] = JSON.parse(JSON.stringify(documents)) as readonly Readonly<Record<string, RbacFilter[]>>[];
  return {
    notes: notes.filter(({ policy }) => policy !== "paths"),
    decide: (request) =>
      decideAsEnvoy(filters?.[request.protocol === "tcp" ? "network_filters" : "http_filters"] ?? [], request),
    // One reading of a path, and one text of a header.
    isComparable: ({ path, headers }) =>
      !AMBIGUOUS.test(path) && !hasRepeated(headers) && !headers.join().includes(", "),
  };
}

test("Envoy's RBAC", () => {
  const counts = compare(policyCase, asEnvoy, 6000);
  expect(counts.same).toBeGreaterThan(5000);
  expect(counts.allowed).toBeGreaterThan(1500);
}, 120_000);

function hasRepeated(headers: readonly string[]): boolean {
  const names = headers.filter((_, index) => index % 2 === 0);
  return new Set(names).size < names.length;
}

function asNftables(ruleSets: readonly RuleSet[]): Compared {
  const { text, notes } = written("nftables", ruleSets);
  return {
    notes,
    decide: ({ sourceAddress, destinationAddress, port }) =>
      decideAsNftables(text, { source: sourceAddress!, destination: destinationAddress!, port }),
    isComparable: () => true,
  };
}

test("nftables", () => {
  const counts = compare(networkCase("address"), asNftables);
  expect(counts.same).toBeGreaterThan(10_000);
  expect(counts.allowed).toBeGreaterThan(2000);
}, 120_000);

const proved = {
  trustDomain: "td",
  namespaces: [],
  accounts: ["shop/front", "shop/back", "other/front"].map((each) => {
    const [namespace = "", name = ""] = each.split("/");
    return { metadata: { namespace, name, labels: { app: `${namespace}-${name}` } } };
  }),
};
const namespaces = ["shop", "other"].map((name) => ({ metadata: { namespace: "", name, labels: {} } }));

function networkPolicies(ruleSets: readonly RuleSet[]): Compared {
  const { documents, notes } = written("kubernetes-networkpolicy", ruleSets);
  const imported = importObjects(JSON.parse(JSON.stringify(documents)));
  expect(imported.notes.filter(({ effect }) => effect !== "same")).toEqual([]);
  const files = imported.objects.map((each, index) => ({ file: `${index}.yaml`, text: JSON.stringify(each) }));
  const policies = valueOrThrow(parseManifests(files)) as readonly NetworkPolicy[];
  const compiled = compilePolicy(
    policies.flatMap((each) => lowerNetworkPolicy(each, { ...proved, namespaces }, "ingress")),
  );
  return { notes, decide: (request) => decide(compiled, request).verdict, isComparable: () => true };
}

test("Kubernetes' NetworkPolicy, imported again", () => {
  const counts = compare(networkCase("any"), networkPolicies);
  expect(counts.same).toBeGreaterThan(5000);
  expect(counts.allowed).toBeGreaterThan(1000);
}, 120_000);

test("a port that is asked for and refused opens nothing", () => {
  const ports = operationMatch({ ports: ["400-500"], notPorts: ["400-500"] });
  const ruleSet = ruleSetOf({
    ref: { kind: "AuthorizationPolicy", namespace: "shop", name: "a" },
    action: "ALLOW",
    rules: [ruleOf({ to: [ports] })],
  });
  expect(written("kubernetes-networkpolicy", [ruleSet]).documents).toMatchObject([{ spec: { ingress: [] } }]);
});

test("of what networks do not know, nothing is let through", () => {
  compare(policyCase, networkPolicies);
  compare(policyCase, asNftables);
}, 120_000);

test.each([
  ["cilium", decideAsCilium],
  ["linkerd", decideAsLinkerd],
] as const)(
  "%s never lets through what is denied",
  (target, decideThere) => {
    const exported = (ruleSets: readonly RuleSet[]): Compared => {
      const { documents, notes } = written(target, ruleSets, 80);
      return {
        notes,
        decide: (request) => decideThere(JSON.parse(JSON.stringify(documents)), request),
        isComparable: () => false,
      };
    };
    expect(compare(networkCase("any"), exported, 1500).open).toBeGreaterThan(1000);
    compare(policyCase, exported);
  },
  120_000,
);

test.each([
  ["/a", "/a", "/a/b"],
  ["/a/*", "/a/b/.c/", "/a/../b"],
  ["/a/*", "/a/", "/a//b"],
  ["/a*", "/abc/d", "/a/./b"],
  ["/a*", "/a", "/a%2fb"],
  ["*", "/", "/a;b/c"],
  ["/a/*", "/a/...", "/a/.."],
])("%s lets %s through where paths are regular expressions, and not %s", (pattern, path, other) => {
  const regex = new RegExp(`^(?:${plainPathRegex(pattern)})$`);
  expect([regex.test(path), regex.test(other)]).toEqual([true, false]);
});

test.each(["*.js", "/{*}/a", "/a//b", "/a/..*", "/a%2f", "a"])("%s has no regular expression", (pattern) => {
  expect(plainPathRegex(pattern)).toBeUndefined();
});

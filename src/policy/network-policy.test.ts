/** NetworkPolicies in both directions, as a table (`testdata/network.yaml`) and generated, against a literal reading of Kubernetes' words. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { parseSpiffeId, parseTrustDomain } from "#identity";
import { meetsSelector, type NetworkPolicy, parseAddress, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import {
  type NaiveCluster,
  type NaivePair,
  type NaiveWorkload,
  passesBoth,
} from "../../test/fakes/naive-network-policy.ts";
import { decideNaively } from "../../test/fakes/naive-policy.ts";
import {
  calleeAttributes,
  callerAttributes,
  compilePolicy,
  decide,
  lowerNetworkPolicy,
  requestAttributes,
} from "./index.ts";

const trustDomain = valueOrThrow(parseTrustDomain("td"));
const SPACES = { shop: { environment: "production" }, tests: { environment: "test" }, pay: {} };
const ACCOUNTS = {
  "shop/front": { team: "web" },
  "shop/cart": { team: "cart" },
  "tests/probe": {},
  "pay/card": { team: "pay" },
};

const workload = (account: string, address: string): NaiveWorkload => ({
  namespace: account.split("/")[0] ?? "",
  labels: { app: account.split("/")[1] ?? "" },
  account,
  address,
});
const WORKLOADS: Readonly<Record<string, NaiveWorkload>> = {
  "shop/front": workload("shop/front", "10.1.0.1"),
  "shop/cart": workload("shop/cart", "10.2.0.2"),
  "tests/probe": workload("tests/probe", "10.3.0.3"),
  "pay/card": workload("pay/card", "10.4.0.4"),
  outside: { namespace: "", labels: {}, account: "", address: "192.0.2.9" },
};

const labelled = (labels: Readonly<Record<string, Readonly<Record<string, string>>>>) =>
  Object.entries(labels).map(([key, each]) => {
    const [namespace, name] = key.includes("/") ? key.split("/") : ["", key];
    return { metadata: { namespace: namespace ?? "", name: name ?? "", labels: each } };
  });

/** Of both directions, as the two agents decide. */
function decidedFor(
  { policies, namespaceLabels, accountLabels }: NaiveCluster,
  { source, destination, port }: NaivePair,
) {
  const proved = { trustDomain: "td", namespaces: labelled(namespaceLabels), accounts: labelled(accountLabels) };
  const idOf = ({ account }: NaiveWorkload) => {
    const [namespace = "", name = ""] = account.split("/");
    return valueOrThrow(parseSpiffeId(account === "" ? "spiffe://abroad/x" : `spiffe://td/ns/${namespace}/sa/${name}`));
  };
  const at = (own: NaiveWorkload, direction: "ingress" | "egress") =>
    policies
      .filter(
        ({ metadata, spec }) => metadata.namespace === own.namespace && meetsSelector(own.labels, spec.podSelector),
      )
      .flatMap((each) => lowerNetworkPolicy(each, proved, direction));
  const egress = {
    rules: at(source, "egress"),
    request: calleeAttributes(
      { spiffeId: idOf(destination), address: destination.address, appPort: port },
      trustDomain,
    ),
  };
  const caller = requestAttributes({
    ...callerAttributes(idOf(source), trustDomain),
    sourceAddress: parseAddress(source.address),
    port,
  });
  const ingress = { rules: at(destination, "ingress"), request: caller };
  const [out, into] = [egress, ingress].map(({ rules, request }) => {
    const verdict = decide(compilePolicy(rules), request).verdict;
    expect(decideNaively(rules, request).verdict).toBe(verdict);
    return verdict === "allow";
  });
  return { egress: out === true, ingress: into === true };
}

interface Call {
  readonly from?: string;
  readonly to?: string;
  readonly port?: number;
}

interface NetworkCase {
  readonly name: string;
  readonly policies: readonly ({ readonly of?: string } & Readonly<Record<string, unknown>>)[];
  readonly pass?: readonly Call[];
  readonly stop?: readonly Call[];
}

function clusterOf(written: NetworkCase["policies"]): NaiveCluster {
  const documents = written.map(({ of = "shop", ...spec }, index) =>
    JSON.stringify({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: `p${index}`, namespace: of },
      spec,
    }),
  );
  const policies = valueOrThrow(
    parseManifests([{ file: "table", text: documents.join("\n---\n") }]),
  ) as NetworkPolicy[];
  return { policies, namespaceLabels: SPACES, accountLabels: ACCOUNTS };
}

function pairOf({ from = "shop/front", to = "shop/cart", port = 8080 }: Call): NaivePair {
  return { source: WORKLOADS[from] as NaiveWorkload, destination: WORKLOADS[to] as NaiveWorkload, port };
}

describe("network.yaml", () => {
  const table = parse(readFileSync(join(import.meta.dir, "testdata", "network.yaml"), "utf8")) as NetworkCase[];
  for (const { name, policies, pass = [], stop = [] } of table) {
    test(name, () => {
      const cluster = clusterOf(policies);
      for (const [calls, isPassing] of [[pass, true] as const, [stop, false] as const])
        for (const call of calls) {
          const decided = decidedFor(cluster, pairOf(call));
          expect({ call, passes: decided.egress && decided.ingress }).toEqual({ call, passes: isPassing });
          expect(passesBoth(cluster, pairOf(call))).toEqual(decided);
        }
    });
  }
});

const selector = fc.oneof(
  fc.constant({}),
  fc
    .constantFrom(
      { environment: "test" },
      { team: "web" },
      { team: "cart" },
      { app: "front" },
      { "kubernetes.io/metadata.name": "pay" },
    )
    .map((matchLabels) => ({ matchLabels })),
  fc
    .record({
      key: fc.constantFrom("environment", "team", "app"),
      operator: fc.constantFrom("In", "NotIn", "Exists", "DoesNotExist"),
      values: fc.subarray(["test", "web", "cart", "front"], { minLength: 1 }),
    })
    .map(({ values, ...each }) => ({
      matchExpressions: [{ ...each, ...(each.operator.endsWith("In") ? { values } : {}) }],
    })),
);
const block = fc.record({
  cidr: fc.constantFrom("0.0.0.0/0", "10.0.0.0/8", "10.2.0.0/15", "192.0.2.9/32"),
  except: fc.subarray(["10.3.0.0/16", "10.2.0.2/32"]),
});
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  fc.record({ ipBlock: block }),
);
const port = fc.constantFrom<object>(
  { port: 80 },
  { port: 8080 },
  { port: 80, endPort: 8079 },
  { protocol: "UDP" },
  { protocol: "TCP" },
);
const rules = (side: "from" | "to") =>
  fc.array(fc.record({ [side]: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) }), {
    maxLength: 2,
  });
const policy = fc.oneof(
  fc.record({ podSelector: selector, policyTypes: fc.constant(["Egress"]), egress: rules("to") }),
  fc.record({ podSelector: selector, ingress: rules("from"), egress: rules("to") }),
  fc.record({
    podSelector: selector,
    policyTypes: fc.constant(["Ingress", "Egress"]),
    ingress: rules("from"),
    egress: rules("to"),
  }),
);
const written = fc.tuple(policy, fc.constantFrom("shop", "shop", "tests")).map(([spec, of]) => ({ ...spec, of }));

test("what is compiled agrees with a literal reading, for either direction, on generated policies and pairs", () => {
  const names = fc.constantFrom(...Object.keys(WORKLOADS));
  const call = fc.record({ from: names, to: names, port: fc.constantFrom(80, 8079, 8080) });
  let stopped = 0;
  fc.assert(
    fc.property(
      fc.array(written, { maxLength: 3 }),
      fc.array(call, { minLength: 5, maxLength: 5 }),
      (policies, calls) => {
        const cluster = clusterOf(policies);
        for (const each of calls) {
          const decided = decidedFor(cluster, pairOf(each));
          expect(decided).toEqual(passesBoth(cluster, pairOf(each)));
          if (!decided.egress) stopped++;
        }
      },
    ),
    { numRuns: 3000, seed: 11 },
  );
  expect(stopped).toBeGreaterThan(1000);
}, 60_000);

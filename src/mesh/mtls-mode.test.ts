import { describe, expect, test } from "bun:test";
import { parseTrustDomain } from "#identity";
import { type MtlsMode, type Resource, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { emptySnapshot, inboundRulesFor, nextSnapshot, type ScopedWorkload } from "./index.ts";

const CART: ScopedWorkload = { namespace: "shop", labels: { app: "cart" }, appPort: 8080 };

/** `name@namespace`, with the spec in YAML. */
type Policy = readonly [named: string, spec: string];

/** The first is the oldest. */
function snapshotOf(...policies: readonly Policy[]) {
  const text = policies.map(([named, spec]) => {
    const [name, namespace] = named.split("@");
    return `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
  });
  const resources = valueOrThrow(parseManifests([{ file: "a.yaml", text: text.join("---\n") }])).map(
    (each, index): Resource => ({
      ...each,
      metadata: { ...each.metadata, creationTimestamp: `2026-01-01T00:00:0${index}Z` },
    }),
  );
  return nextSnapshot(emptySnapshot(valueOrThrow(parseTrustDomain("td"))), { resources: resources.reverse() });
}

const MESH = ["mesh@heddle-system", "{ mtls: { mode: PERMISSIVE } }"] as const;
const NAMESPACE = ["all@shop", "{ mtls: { mode: DISABLE } }"] as const;
const cart = (spec: string, name = "cart@shop") =>
  [name, `{ selector: { matchLabels: { app: cart } }, ${spec} }`] as const;

describe("the mode at a workload", () => {
  const cases: [string, MtlsMode, readonly Policy[], ScopedWorkload?][] = [
    ["is STRICT where nothing is said", "STRICT", []],
    ["is the mesh's", "PERMISSIVE", [MESH]],
    ["is the namespace's before the mesh's", "DISABLE", [MESH, NAMESPACE]],
    ["is the workload's before the namespace's", "STRICT", [MESH, NAMESPACE, cart("mtls: { mode: STRICT }")]],
    ["is not another workload's", "DISABLE", [NAMESPACE, cart("mtls: { mode: STRICT }")], { ...CART, labels: {} }],
    ["is not another namespace's", "STRICT", [NAMESPACE], { ...CART, namespace: "other" }],
    ["is asked of the namespace where the workload's is unset", "DISABLE", [MESH, NAMESPACE, cart("mtls: {}")]],
    ["is asked of the mesh where the namespace's is unset", "PERMISSIVE", [MESH, ["all@shop", "{}"]]],
    ["is STRICT where all are unset", "STRICT", [["mesh@heddle-system", "{}"], ["all@shop", "{}"], cart("mtls: {}")]],
    [
      "is the oldest's of two alike",
      "PERMISSIVE",
      [cart("mtls: { mode: PERMISSIVE }", "z@shop"), cart("mtls: { mode: DISABLE }", "a@shop")],
    ],
    [
      "is its port's before its own",
      "DISABLE",
      [cart("mtls: { mode: STRICT }, portLevelMtls: { 8080: { mode: DISABLE } }")],
    ],
    ["is not another port's", "STRICT", [cart("mtls: { mode: STRICT }, portLevelMtls: { 9090: { mode: DISABLE } }")]],
    [
      "is its own where its port's is unset",
      "PERMISSIVE",
      [cart("mtls: { mode: PERMISSIVE }, portLevelMtls: { 8080: { mode: UNSET } }")],
    ],
    [
      "is its namespace's where a port's is another and its own is unset",
      "DISABLE",
      [NAMESPACE, cart("portLevelMtls: { 9090: { mode: PERMISSIVE } }")],
    ],
    [
      "is not of a port where the port is not known",
      "STRICT",
      [cart("portLevelMtls: { 8080: { mode: DISABLE } }")],
      { namespace: "shop", labels: { app: "cart" } },
    ],
    [
      "is not what the root namespace says by a selector",
      "STRICT",
      [cart("mtls: { mode: DISABLE }", "cart@heddle-system")],
    ],
  ];
  test.each(cases)("%s: %s", (_, want, policies, workload = CART) => {
    expect(inboundRulesFor(snapshotOf(...policies), workload).mtls).toBe(want);
  });
});

test("a snapshot is a new one when a mode has changed, and only then", () => {
  const snapshot = snapshotOf(MESH);
  const again = nextSnapshot(snapshot, { resources: structuredClone(snapshot.inputs.resources) as Resource[] });
  expect(again.revision).toBe(snapshot.revision);
  expect(again.peerRules).toBe(snapshot.peerRules);
  expect(nextSnapshot(snapshot, { resources: [] }).revision).toBe(snapshot.revision + 1);
});

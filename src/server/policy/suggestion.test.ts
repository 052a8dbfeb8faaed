import { expect, test } from "bun:test";
import { nextSnapshot } from "#mesh";
import { type Result, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import type { RecordedDecision } from "#telemetry/store";
import { shopSnapshot } from "../../../test/fakes/shop-snapshot.ts";
import { servicesMeant, suggestionsView } from "./suggestion.ts";

const NO_PARTY = { namespace: "", workload: "", instance: "", principal: "", service: "", version: "" };

function decision(from: string, to: string, change: Partial<RecordedDecision> = {}): RecordedDecision {
  const principal = from === "" ? "" : `spiffe://shop.example/ns/shop/sa/${from}`;
  const source = { ...NO_PARTY, namespace: from === "" ? "" : "shop", workload: from, principal };
  const destination = { ...NO_PARTY, namespace: "shop", workload: to, service: to };
  return {
    id: "1",
    edge: { reporter: "destination", source, destination, protocol: "http", mtls: principal !== "" },
    port: 8080,
    detail: "whole",
    method: "GET",
    path: "/carts/{*}",
    host: to,
    token: "unread",
    issuer: "",
    verdict: "allow",
    isExternal: false,
    policy: "",
    rule: -1,
    observedVerdict: "none",
    observedPolicy: "",
    count: 10,
    firstSeenMs: 1,
    lastSeenMs: 2,
    ...change,
  };
}

const shop = shopSnapshot();

function suggested(name: string, decisions: readonly RecordedDecision[], snapshot = shop) {
  const store = { decisions: () => [decisions], decisionCoverage: () => ({ fromMs: 1, unrecorded: 3 }) };
  const services = valueOrThrow(servicesMeant(snapshot, name));
  return suggestionsView(snapshot, store, { services, fromMs: 0, toMs: 9, rareBelow: 5, isExact: false });
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "" : `${result.problems[0].code} ${result.problems[0].message}`;
}

test("a service is given the policy that its traffic needs, for its own workloads, beside those that allow there", () => {
  const { suggestions, unrecorded } = valueOrThrow(
    suggested("shop/cart", [
      decision("storefront", "cart"),
      decision("catalog", "cart", { verdict: "deny" }),
      decision("storefront", "catalog"),
    ]),
  );
  expect(unrecorded).toBe(3);
  expect(suggestions).toMatchObject([
    {
      service: "shop/cart",
      policies: [
        {
          kind: "AccessPolicy",
          metadata: { namespace: "shop", name: "cart-seen-callers" },
          spec: { selector: { matchLabels: { app: "cart" } } },
        },
      ],
      rules: [{ callers: ["shop.example/ns/shop/sa/storefront"], requests: 10, rare: false, open: false }],
      proof: { passed: 10, refused: 10, unclear: 0 },
      alsoAllowing: ["AuthorizationPolicy/shop/cart-callers"],
    },
  ]);
  const read = parseManifests([{ file: "s.yaml", text: JSON.stringify(suggestions[0]?.policies[0]) }]);
  expect(read.ok).toBe(true);
});

test("a namespace is all its services; those that were never seen are told", () => {
  const { suggestions, unseen } = valueOrThrow(suggested("shop", [decision("storefront", "cart"), decision("", "lb")]));
  expect(suggestions.map(({ service, policies }) => [service, policies.length])).toEqual([
    ["shop/cart", 1],
    ["shop/lb", 0],
  ]);
  expect(suggestions[1]?.leftOut).toMatchObject([{ why: "no-identity", requests: 10 }]);
  expect(unseen).toContain("shop/payments");
});

test("what was never seen is not profiled", () => {
  expect(codeOf(suggested("shop/payments", [decision("storefront", "cart")]))).toBe(
    "HDL_POLICY_UNSEEN no request to shop/payments was recorded in the time asked for",
  );
});

test("a service is known by its last name, and anything else is refused", () => {
  expect(valueOrThrow(servicesMeant(shop, "cart")).map(({ key }) => String(key))).toEqual(["shop/cart"]);
  expect(codeOf(servicesMeant(shop, "basket"))).toContain("HDL_POLICY_QUESTION basket is no service");
});

test("workloads are told apart by a label that no other has, or not at all", () => {
  const relabelled = (labels: Readonly<Record<string, string>>) => {
    const entries = [...shop.inputs.registrations].map(
      ([key, each]) => [key, each.serviceAccount === "cart" ? { ...each, labels } : each] as const,
    );
    return nextSnapshot(shop, { registrations: new Map(entries) });
  };
  const selectorIn = (labels: Readonly<Record<string, string>>) => {
    const result = suggested("shop/cart", [decision("storefront", "cart")], relabelled(labels));
    return valueOrThrow(result).suggestions[0]?.policies[0]?.["spec"];
  };
  const ownLabel = { "heddle.dev/service": "cart" };
  expect(selectorIn({ app: "catalog", ...ownLabel })).toMatchObject({ selector: { matchLabels: ownLabel } });
});

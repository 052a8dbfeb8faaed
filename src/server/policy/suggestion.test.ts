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
  const asked = { services, fromMs: 0, toMs: 9, rareBelow: 5, isExact: false, turn: () => Promise.resolve() };
  return suggestionsView(snapshot, store, asked);
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "" : `${result.problems[0].code} ${result.problems[0].message}`;
}

test("a service is given the policy that its traffic needs, for its own workloads, beside those that allow there", async () => {
  const { suggestions, unrecorded } = valueOrThrow(
    await suggested("shop/cart", [
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

test("a namespace is all its services; those that were never seen are told", async () => {
  const { suggestions, unseen } = valueOrThrow(
    await suggested("shop", [decision("storefront", "cart"), decision("", "lb")]),
  );
  expect(suggestions.map(({ service, policies }) => [service, policies.length])).toEqual([
    ["shop/cart", 1],
    ["shop/lb", 0],
  ]);
  expect(suggestions[1]?.leftOut).toMatchObject([{ why: "no-identity", requests: 10 }]);
  expect(unseen).toContain("shop/payments");
});

test("what was never seen is not profiled", async () => {
  expect(codeOf(await suggested("shop/payments", [decision("storefront", "cart")]))).toBe(
    "HDL_POLICY_UNSEEN no request to shop/payments was recorded in the time asked for",
  );
});

test("a service is known by its last name, and anything else is refused", () => {
  expect(valueOrThrow(servicesMeant(shop, "cart")).map(({ key }) => String(key))).toEqual(["shop/cart"]);
  expect(codeOf(servicesMeant(shop, "basket"))).toContain("HDL_POLICY_QUESTION basket is no service");
});

test("workloads are told apart by a label that no other has, or not at all", async () => {
  const relabelled = (labels: Readonly<Record<string, string>>) => {
    const entries = [...shop.inputs.registrations].map(
      ([key, each]) => [key, each.serviceAccount === "cart" ? { ...each, labels } : each] as const,
    );
    return nextSnapshot(shop, { registrations: new Map(entries) });
  };
  const selectorIn = async (labels: Readonly<Record<string, string>>) => {
    const result = await suggested("shop/cart", [decision("storefront", "cart")], relabelled(labels));
    return valueOrThrow(result).suggestions[0]?.policies[0]?.["spec"];
  };
  const ownLabel = { "heddle.dev/service": "cart" };
  expect(await selectorIn({ app: "catalog", ...ownLabel })).toMatchObject({ selector: { matchLabels: ownLabel } });
});

test("what a workload reports of a service that it does not serve is not believed", async () => {
  const forged = decision("catalog", "payments");
  const edge = { ...forged.edge, destination: { ...forged.edge.destination, workload: "cart" } };
  expect(codeOf(await suggested("shop/payments", [{ ...forged, edge }]))).toContain("HDL_POLICY_UNSEEN");
});

test("tokens and hosts by which requests were denied are seen, though no rule asks for them", async () => {
  const { suggestions } = valueOrThrow(
    await suggested("shop/cart", [
      decision("storefront", "cart", { token: "verified", issuer: "https://login" }),
      decision("storefront", "cart", { token: "none", verdict: "deny", lastSeenMs: 1 }),
    ]),
  );
  expect(suggestions).toMatchObject([{ policies: [], leftOut: [{ why: "not-told-apart", requests: 10 }] }]);
});

test("others have their turn between pages, and between services", async () => {
  let turns = 0;
  const store = {
    decisions: () => [[decision("storefront", "cart")], []],
    decisionCoverage: () => ({ fromMs: 1, unrecorded: 0 }),
  };
  const services = valueOrThrow(servicesMeant(shop, "shop"));
  const turn = () => Promise.resolve(void turns++);
  await suggestionsView(shop, store, { services, fromMs: 0, toMs: 9, rareBelow: 5, isExact: false, turn });
  expect(turns).toBe(2 + services.length);
});

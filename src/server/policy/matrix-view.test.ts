import { expect, test } from "bun:test";
import { nextSnapshot } from "#mesh";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { shopSnapshot } from "../../../test/fakes/shop-snapshot.ts";
import { explanationOf } from "./explanation.ts";
import { matrixView } from "./matrix-view.ts";

function verdicts(view = valueOrThrow(matrixView(shopSnapshot(), undefined, 0))): Readonly<Record<string, string>> {
  return Object.fromEntries(view.cells.map((each) => [`${each.caller} ${each.service}`, each.verdict]));
}

test("the shop: whom its policies let in, and nobody else", () => {
  const open = Object.entries(verdicts()).filter(([, verdict]) => verdict !== "deny");
  expect(Object.fromEntries(open)).toEqual({
    "shop/storefront shop/cart": "conditional",
    "shop/checkout shop/cart": "conditional",
    "shop/storefront shop/catalog": "conditional",
    "shop/recommendations shop/catalog": "conditional",
    "shop/storefront shop/checkout": "conditional",
    "shop/catalog shop/inventory": "conditional",
    "shop/checkout shop/inventory": "conditional",
    "shop/edge shop/lb": "allow",
    "shop/checkout shop/payments": "conditional",
    "shop/storefront shop/recommendations": "conditional",
    "shop/lb shop/storefront": "allow",
  });
});

test("every cell of the shop says what explain says of a request", () => {
  const snapshot = shopSnapshot();
  const { cells } = valueOrThrow(matrixView(snapshot, undefined, 0));
  for (const { caller, service, verdict } of cells) {
    const asked = {
      ...{ source: caller, destination: service, method: "PATCH", path: "/none", host: "" },
      ...{ headers: [], absentHeaders: [] },
    };
    const { outcomes } = valueOrThrow(explanationOf(snapshot, asked, 0));
    expect([caller, service, outcomes[0]?.verdict]).toEqual([caller, service, verdict === "allow" ? "allow" : "deny"]);
  }
});

test("what a condition leaves is told, with the rule", () => {
  const { cells } = valueOrThrow(matrixView(shopSnapshot(), "shop", 0));
  expect(cells.find((each) => each.caller === "shop/checkout" && each.service === "shop/inventory")).toMatchObject({
    instances: ["inventory-1"],
    labels: ["AuthorizationPolicy/shop/inventory-callers"],
    only: [
      [
        { rule: 0, terms: [{ attribute: "request.method", patterns: ["GET"] }, { patterns: ["/stock/*"] }] },
        { rule: 0, terms: [{ attribute: "request.method", patterns: ["POST"] }, { patterns: ["/reservations"] }] },
      ],
    ],
    except: [],
  });
});

test("replicas with policies of their own are cells of their own", () => {
  const snapshot = shopSnapshot();
  const [key, cart] = [...snapshot.inputs.registrations].find(([name]) => name === "shop/cart-1") ?? [];
  const second = { ...cart!, instance: "cart-2", labels: { ...cart!.labels, version: "v2" } };
  const registrations = new Map([...snapshot.inputs.registrations, [`${key}b`, second]]);
  const policy = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec: { selector: { matchLabels: { version: v2 } }, action: DENY, rules: [{}] }
`;
  const resources = [...snapshot.inputs.resources, ...valueOrThrow(parseManifests([{ file: "p.yaml", text: policy }]))];
  const { cells } = valueOrThrow(matrixView(nextSnapshot(snapshot, { registrations, resources }), "shop", 0));
  const own = cells.filter((each) => each.caller === "shop/checkout" && each.service === "shop/cart");
  expect(own.map(({ instances, verdict }) => [instances, verdict])).toEqual([
    [["cart-1"], "conditional"],
    [["cart-2"], "deny"],
  ]);
});

test("whom a caller's own policies do not let it call, it may not call", () => {
  const egress = (selector: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: out, namespace: shop }
spec: { podSelector: { matchLabels: ${selector} }, policyTypes: [Egress] }
`;
  const verdictOf = (selector: string) => {
    const snapshot = shopSnapshot();
    const registrations = new Map(snapshot.inputs.registrations);
    const [key, checkout] = [...registrations].find(([name]) => name.startsWith("shop/checkout")) ?? [];
    registrations.set("shop/checkout-b", {
      ...checkout!,
      instance: "checkout-b",
      labels: { ...checkout!.labels, lane: "b" },
    });
    const resources = [
      ...snapshot.inputs.resources,
      ...valueOrThrow(parseManifests([{ file: "p.yaml", text: egress(selector) }])),
    ];
    const { cells } = valueOrThrow(matrixView(nextSnapshot(snapshot, { registrations, resources }), "shop", 0));
    expect(key).toBeDefined();
    return cells.find((each) => each.caller === "shop/checkout" && each.service === "shop/payments");
  };
  const out = "default-deny: no rule of NetworkPolicy/shop/out matched";
  expect(verdictOf("{}")).toMatchObject({ verdict: "deny", labels: [out] });
  const some = verdictOf("{ lane: b }");
  expect(some).toMatchObject({ verdict: "conditional" });
  expect(some?.except.at(-1)).toMatchObject({ label: out, terms: [{ attribute: "caller", patterns: ["checkout-b"] }] });
});

test("another namespace has no services, and too many pairs are refused", () => {
  expect(valueOrThrow(matrixView(shopSnapshot(), "elsewhere", 0)).services).toEqual([]);
  const accounts = Array.from(
    { length: 4500 },
    (_, index) => `{ apiVersion: v1, kind: ServiceAccount, metadata: { name: a${index}, namespace: shop } }`,
  );
  const resources = valueOrThrow(parseManifests([{ file: "a.yaml", text: accounts.join("\n---\n") }]));
  const crowded = matrixView(nextSnapshot(shopSnapshot(), { resources }), undefined, 0);
  expect(crowded.ok ? "" : crowded.problems[0].code).toBe("HDL_POLICY_QUESTION");
});

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { parseTrustDomain, workloadSpiffeId } from "#identity";
import { emptySnapshot, type MeshSnapshot, nextSnapshot } from "#mesh";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { lintView } from "./lint-view.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const SERVICES = [
  "edge",
  "lb",
  "storefront",
  "cart",
  "catalog",
  "checkout",
  "inventory",
  "payments",
  "recommendations",
];
const FOLDER = "examples/shop/policies";

/** The shop as it runs, with its own policies. */
function shop(): MeshSnapshot {
  const files = readdirSync(FOLDER).map((file) => ({ file, text: readFileSync(`${FOLDER}/${file}`, "utf8") }));
  const registrations = SERVICES.map((name) => ({
    namespace: "shop",
    serviceAccount: name,
    instance: `${name}-1`,
    spiffeId: workloadSpiffeId(trustDomain, "shop", name),
    address: "127.0.0.1",
    meshPort: 15_008,
    appPort: 8080,
    labels: { app: name, "heddle.dev/service": name },
    ready: true,
  }));
  return nextSnapshot(emptySnapshot(trustDomain), {
    resources: valueOrThrow(parseManifests(files)),
    registrations: new Map(registrations.map((each) => [`shop/${each.instance}`, each])),
  });
}

const OF_CART = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: cart-callers, namespace: shop }
spec:
  selector: { matchLabels: { app: crat } }
  rules: [{ from: [{ source: { serviceAccounts: [storefornt] } }] }]
`;

test("nothing is wrong with the policies of the shop", () => {
  expect(valueOrThrow(lintView(shop(), [], 0))).toEqual({ policies: 10, findings: [] });
});

test("files are laid over what the server has, in place of what has their names", () => {
  const { policies, findings } = valueOrThrow(lintView(shop(), [{ file: "f.yaml", text: OF_CART }], 0));
  expect(policies).toBe(10);
  expect(findings.map(({ label, code, severity, rule, fix }) => [label, code, severity, rule, fix])).toEqual([
    ["AuthorizationPolicy/shop/cart-callers", "selects-nothing", "error", -1, "Did you mean `app: cart`?"],
    ["AuthorizationPolicy/shop/cart-callers", "unknown-reference", "error", 0, "Did you mean `storefront`?"],
  ]);
});

test("a file that is no manifest is told as such", () => {
  const linted = lintView(shop(), [{ file: "f.yaml", text: "kind: Nonsense" }], 0);
  expect(linted.ok ? "" : linted.problems[0].code).toBe("HDL_MANIFEST_KIND");
});

import { expect, test } from "bun:test";
import { valueOrThrow } from "#model";
import { shopSnapshot } from "../../../test/fakes/shop-snapshot.ts";
import { lintView } from "./lint-view.ts";

const OF_CART = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: cart-callers, namespace: shop }
spec:
  selector: { matchLabels: { app: crat } }
  rules: [{ from: [{ source: { serviceAccounts: [storefornt] } }] }]
`;

test("nothing is wrong with the policies of the shop", () => {
  expect(valueOrThrow(lintView(shopSnapshot(), [], 0))).toEqual({ policies: 10, findings: [] });
});

test("files are laid over what the server has, in place of what has their names", () => {
  const { policies, findings } = valueOrThrow(lintView(shopSnapshot(), [{ file: "f.yaml", text: OF_CART }], 0));
  expect(policies).toBe(10);
  expect(findings.map(({ label, code, severity, rule, fix }) => [label, code, severity, rule, fix])).toEqual([
    ["AuthorizationPolicy/shop/cart-callers", "selects-nothing", "error", -1, "Did you mean `app: cart`?"],
    ["AuthorizationPolicy/shop/cart-callers", "unknown-reference", "error", 0, "Did you mean `storefront`?"],
  ]);
});

test("a file that is no manifest is told as such", () => {
  const linted = lintView(shopSnapshot(), [{ file: "f.yaml", text: "kind: Nonsense" }], 0);
  expect(linted.ok ? "" : linted.problems[0].code).toBe("HDL_MANIFEST_KIND");
});

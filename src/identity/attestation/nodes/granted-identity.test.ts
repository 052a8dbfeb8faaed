import { expect, test } from "bun:test";
import { mayTake } from "./granted-identity.ts";

const facts = {
  commonName: ["host-1", ""],
  dnsName: ["a.eu.example", "b.us.example"],
  region: ["eu-west-1"],
  empty: [""],
};
const grant = (workloads: readonly string[], where: Readonly<Record<string, readonly string[]>> = {}) => [
  { workloads, where },
];

test.each([
  ["shop/cart", "shop/cart", true],
  ["shop/cart", "shop/carts", false],
  ["shop/*", "shop/anything", true],
  ["shop/*", "bank/anything", false],
  ["*/*", "bank/anything", true],
  ["edge/{commonName}", "edge/host-1", true],
  ["edge/{commonName}", "edge/host-2", false],
  ["edge/{commonName}", "edge/host-11", false],
  ["edge/node-{commonName}-x", "edge/node-host-1-x", true],
  ["edge/{commonName}-{region}", "edge/host-1-eu-west-1", true],
  ["edge/{commonName}{region}", "edge/host-1eu-west-2", false],
  ["edge/{empty}x", "edge/x", false],
  ["edge/{unknown}x", "edge/x", false],
  ["edge/{constructor}", "edge/constructor", false],
])("%s covers %s: %p", (template, asked, is) => {
  const [namespace = "", serviceAccount = ""] = asked.split("/");
  expect(mayTake({ namespace, serviceAccount }, grant([template]), facts)).toBe(is);
});

test.each([
  [{}, true],
  [{ region: ["eu-west-1"] }, true],
  [{ region: ["eu-*"] }, true],
  [{ region: ["us-*", "*-1"] }, true],
  [{ region: ["us-*"] }, false],
  [{ region: ["eu-*"], commonName: ["host-2"] }, false],
  [{ dnsName: ["*.us.example"] }, true],
  [{ unknown: ["*"] }, false],
  [{ empty: ["*"] }, false],
])("where %j holds: %p", (where, is) => {
  const asked = { namespace: "shop", serviceAccount: "cart" };
  expect(mayTake(asked, grant(["shop/cart"], where as Record<string, string[]>), facts)).toBe(is);
});

test("nothing is granted by no grant", () => {
  expect(mayTake({ namespace: "shop", serviceAccount: "cart" }, [], facts)).toBe(false);
});

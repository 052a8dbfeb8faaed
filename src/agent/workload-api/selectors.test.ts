import { expect, test } from "bun:test";
import { type AttestedProcess, isSelected, type ProcessSelector } from "./selectors.ts";

const orders: AttestedProcess = {
  uid: 1001,
  gid: 100,
  path: "/usr/bin/orders",
  cgroups: ["/system.slice/orders.service/worker"],
  sha256: "ab12",
  processFiles: new Set(["/run/orders.process"]),
};

const cases: readonly (readonly [string, readonly ProcessSelector[], boolean])[] = [
  ["its user", [{ uid: 1001 }], true],
  ["another user", [{ uid: 0 }], false],
  ["its group", [{ gid: 100 }], true],
  ["its program", [{ path: "/usr/bin/orders" }], true],
  ["a program whose path begins so", [{ path: "/usr/bin/order" }], false],
  ["its program's hash", [{ sha256: "ab12" }], true],
  ["a control group above", [{ cgroup: "/system.slice/orders.service" }], true],
  ["a control group whose name begins so", [{ cgroup: "/system.slice/orders" }], false],
  ["a file that names it", [{ processFile: "/run/orders.process" }], true],
  ["a file that names another", [{ processFile: "/run/cart.process" }], false],
  ["its user and another program", [{ uid: 1001, path: "/usr/bin/cart" }], false],
  ["one of two selectors", [{ uid: 0 }, { uid: 1001, gid: 100 }], true],
  ["an empty selector", [{}], false],
  ["none", [], false],
];

test.each(cases)("a process is met by %s: %j → %p", (_, selectors, verdict) => {
  expect(isSelected(orders, selectors)).toBe(verdict);
});

test("what could not be told meets nothing", () => {
  expect(isSelected({ ...orders, sha256: undefined }, [{ sha256: "ab12" }])).toBe(false);
});

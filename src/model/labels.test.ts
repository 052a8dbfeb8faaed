import { expect, test } from "bun:test";
import { versionOf } from "./labels.ts";

test.each([
  [{}, ""],
  [{ version: "v1" }, "v1"],
  [{ version: "v1", "app.kubernetes.io/version": "v2" }, "v2"],
  [{ "app.kubernetes.io/version": "v2", "service.istio.io/canonical-revision": "v3" }, "v3"],
  [{ "app.kubernetes.io/version": "", version: "v1" }, "v1"],
])("the version of a workload labelled %j is %j", (labels, version) => {
  expect(versionOf(labels)).toBe(version);
});

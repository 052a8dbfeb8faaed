import { describe, expect, test } from "bun:test";
import { parseManifests, writeManifests } from "./index.ts";

function read(spec: string) {
  const text = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: peers, namespace: shop }
spec: ${spec}
`;
  return parseManifests([{ file: "a.yaml", text }]);
}

describe("a peer authentication", () => {
  test.each([
    ["{}", { selector: undefined, mtls: "UNSET", portLevelMtls: {} }],
    ["{ mtls: {} }", { selector: undefined, mtls: "UNSET", portLevelMtls: {} }],
    ["{ mtls: { mode: STRICT } }", { selector: undefined, mtls: "STRICT", portLevelMtls: {} }],
    ["{ selector: { matchLabels: {} }, mtls: { mode: DISABLE } }", { selector: undefined, mtls: "DISABLE" }],
    [
      '{ selector: { matchLabels: { app: cart } }, mtls: { mode: PERMISSIVE }, portLevelMtls: { "8080": { mode: STRICT }, 9090: {} } }',
      { selector: { app: "cart" }, mtls: "PERMISSIVE", portLevelMtls: { "8080": "STRICT", "9090": "UNSET" } },
    ],
  ])("%s is read", (spec, want) => {
    const result = read(spec);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.value[0]).toMatchObject({ kind: "PeerAuthentication", spec: want });
    expect(parseManifests([{ file: "b.yaml", text: writeManifests(result.value) }])).toEqual(result);
  });

  test.each([
    ["{ mtls: { mode: strict } }", "spec.mtls.mode", "STRICT"],
    ["{ mtls: { mode: ISTIO_MUTUAL } }", "spec.mtls.mode", "PERMISSIVE"],
    ["{ portLevelMtls: { 8080: { mode: DISABLE } } }", "spec.portLevelMtls", "needs a `selector`"],
    ["{ selector: { matchLabels: { a: b } }, portLevelMtls: { http: { mode: DISABLE } } }", "portLevelMtls", "a port"],
    ["{ selector: { matchLabels: { a: b } }, portLevelMtls: { 70000: { mode: DISABLE } } }", "portLevelMtls", "a port"],
    [
      "{ selector: { matchLabels: { a: b } }, portLevelMtls: { 8080: { mode: OFF } } }",
      "spec.portLevelMtls.8080.mode",
      "must be `STRICT`",
    ],
    ["{ mode: STRICT }", "mode", ""],
  ])("%s is refused, with the place", (spec, field, message) => {
    const result = read(spec);
    if (result.ok) throw new Error("it was read");
    const [found] = result.problems;
    expect(`${found?.at?.field} ${found?.message}`).toContain(field);
    expect(found?.message).toContain(message);
  });
});

import { expect, test } from "bun:test";
import { parseTrustDomain } from "#identity";
import { emptySnapshot, nextSnapshot } from "#mesh";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { statusOf } from "./resource-status.ts";

test("a RequestAuthentication says whose keys are missing, until they are here", () => {
  const text = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: people, namespace: shop }
spec: { jwtRules: [{ issuer: https://a.example }, { issuer: b, jwksUri: https://b.example/keys }] }
`;
  const resources = valueOrThrow(parseManifests([{ file: "a.yaml", text }]));
  const conditionWith = (keys: readonly string[]): unknown => {
    const issuerKeys = new Map(keys.map((name) => [name, "{}"]));
    const snapshot = nextSnapshot(emptySnapshot(valueOrThrow(parseTrustDomain("shop.example"))), {
      resources,
      issuerKeys,
    });
    const { status } = statusOf(snapshot, resources[0] as (typeof resources)[number]);
    return (status as { conditions: readonly unknown[] }).conditions[0];
  };
  expect(conditionWith([])).toMatchObject({
    type: "KeysKnown",
    status: "False",
    message: "No token of https://a.example, b is taken yet.",
  });
  expect(conditionWith(["issuer https://a.example"])).toMatchObject({
    status: "False",
    message: "No token of b is taken yet.",
  });
  expect(conditionWith(["issuer https://a.example", "jwks https://b.example/keys"])).toMatchObject({ status: "True" });
});

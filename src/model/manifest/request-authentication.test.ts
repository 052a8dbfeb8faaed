import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { parseManifests, writeManifests } from "./index.ts";

const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
const JWKS = JSON.stringify({ keys: [jwk] });

function read(spec: string) {
  const text = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: people, namespace: shop }
spec: ${spec}
`;
  return parseManifests([{ file: "a.yaml", text }]);
}

function specOf(spec: string) {
  const result = read(spec);
  if (!result.ok) throw new Error(result.problems.map(({ at, message }) => `${at?.field} ${message}`).join("; "));
  const [policy] = result.value;
  return policy?.kind === "RequestAuthentication" ? policy.spec : undefined;
}

describe("a RequestAuthentication", () => {
  test("needs to say no more than whose tokens are taken", () => {
    expect(specOf("{ jwtRules: [{ issuer: https://id.example }] }")).toEqual({
      selector: undefined,
      targetRefs: [],
      jwtRules: [
        {
          issuer: "https://id.example",
          audiences: [],
          keys: { kind: "discovery", issuer: "https://id.example" },
          from: { headers: [], params: [], cookies: [] },
          output: { payloadHeader: "", claimHeaders: [] },
          isForwarded: false,
          timeoutMs: 5000,
        },
      ],
    });
  });

  test("without rules is one that says nothing", () => {
    expect(specOf("{}")).toEqual({ selector: undefined, targetRefs: [], jwtRules: [] });
  });

  test("is the same when written and read again", () => {
    const first = read(`{ selector: { matchLabels: { app: cart } }, jwtRules: [
      { issuer: a, jwks: '${JWKS}', audiences: [x, y], fromHeaders: [{ name: X-Jwt, prefix: "JWT " }, { name: b }], fromParams: [t], fromCookies: [c] },
      { issuer: b, jwksUri: "https://id.example/keys", outputPayloadToHeader: X-Payload, outputClaimToHeaders: [{ header: X-Sub, claim: sub }, { header: x-org, claim: org.name }], forwardOriginalToken: true, timeout: 2s },
      { issuer: "https://id.example/" }] }`);
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    expect(parseManifests([{ file: "b.yaml", text: writeManifests(first.value) }])).toEqual(first);
    const targeted = read(
      "{ targetRefs: [{ kind: Service, name: cart }], jwtRules: [{ issuer: https://id.example }] }",
    );
    if (!targeted.ok) throw new Error(JSON.stringify(targeted.problems));
    expect(parseManifests([{ file: "b.yaml", text: writeManifests(targeted.value) }])).toEqual(targeted);
  });

  const rule = (text: string): string => `{ jwtRules: [{ ${text} }] }`;
  const symmetric = JSON.stringify({ keys: [{ kty: "oct", k: "c2VjcmV0" }] });
  test.each([
    ["no issuer", rule("audiences: [a]"), "spec.jwtRules[0].issuer", "is missing"],
    ["an issuer whose keys nobody finds", rule("issuer: me"), "spec.jwtRules[0].issuer", "give `jwksUri` or `jwks`"],
    ["keys twice", rule(`issuer: a, jwks: '${JWKS}', jwksUri: "https://a"`), "spec.jwtRules[0].jwks", "either"],
    ["keys that are none", rule("issuer: a, jwks: hello"), "spec.jwtRules[0].jwks", "not a JSON Web Key Set"],
    ["a shared secret", rule(`issuer: a, jwks: '${symmetric}'`), "spec.jwtRules[0].jwks", "no public key"],
    ["a file's URL", rule("issuer: a, jwksUri: 'file:///etc/keys'"), "spec.jwtRules[0].jwksUri", "https://"],
    ["a password in a URL", rule("issuer: a, jwksUri: 'https://u:p@a/'"), "spec.jwtRules[0].jwksUri", "without user"],
    [
      "an own header",
      rule("issuer: https://a, outputPayloadToHeader: x-heddle-a"),
      "outputPayloadToHeader",
      "themselves",
    ],
    [
      "the caller's certificate",
      rule("issuer: https://a, outputClaimToHeaders: [{ header: X-Forwarded-Client-Cert, claim: sub }]"),
      "outputClaimToHeaders[0].header",
      "themselves",
    ],
    [
      "an empty step",
      rule("issuer: https://a, outputClaimToHeaders: [{ header: x, claim: a..b }]"),
      "outputClaimToHeaders[0].claim",
      "joined",
    ],
    ["no time", rule("issuer: https://a, timeout: 0s"), "spec.jwtRules[0].timeout", "1ms to 30s"],
    [
      "two scopes",
      "{ selector: { matchLabels: { a: b } }, targetRefs: [{ kind: Service, name: a }] }",
      "spec.targetRefs",
      "either",
    ],
    ["another target", "{ targetRefs: [{ kind: Gateway, name: a }] }", "spec.targetRefs[0].kind", "Service"],
    [
      "an unknown field",
      rule("issuer: https://a, audience: [b]"),
      "spec.jwtRules[0].audience",
      "did you mean `audiences`",
    ],
  ])("with %s is refused, and the place is said", (_name, spec, field, want) => {
    const result = read(spec);
    const told = result.ok ? [] : result.problems.map(({ at, message }) => `${at?.field} ${message} ${at?.line}`);
    expect(told.join("\n")).toContain(want);
    expect(told.join("\n")).toContain(field);
  });
});

import { describe, expect, test } from "bun:test";
import { type NodeAttestation, type Result, valueOrThrow } from "#model";
import { nobodyBarred } from "../../../../test/fakes/no-nodes.ts";
import { instanceClaims, podClaims } from "../../../../test/fakes/node-tokens.ts";
import { encode, hmacToken, signingIssuer } from "../../../../test/fakes/token-issuer.ts";
import { attestGcp, gcpAudience } from "./gcp-token.ts";
import { attestKubernetes } from "./kubernetes-token.ts";
import { NodeAttestors } from "./node-attestors.ts";
import { TokenUses } from "./token-uses.ts";

const cluster = signingIssuer("https://kubernetes.default.svc.cluster.local", { algorithm: "RS256" });
const google = signingIssuer("https://accounts.google.com", { algorithm: "RS256" });
const HOUR_S = 3600;
const nowS = Math.floor(Date.now() / 1000);

const told = (result: Result<unknown>): string => (result.ok ? "ok" : result.problems[0].message);
/** Order of P-256 (SEC 2 §2.4.2): with a signature (r, s), (r, order − s) holds as well. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function twinOf(token: string): string {
  const [head, payload, last = ""] = token.split(".");
  const signature = Buffer.from(last, "base64url");
  const s = BigInt(`0x${signature.subarray(32).toString("hex")}`);
  const twin = Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex");
  return `${head}.${payload}.${Buffer.concat([signature.subarray(0, 32), twin]).toString("base64url")}`;
}

const unsigned = (claims: object): string => `${encode({ alg: "none" })}.${encode(claims)}.`;

function pod(
  token: string,
  more: { readonly uses?: TokenUses; readonly peerAddress?: string; readonly nowMs?: number } = {},
) {
  const attestor = { kind: "kubernetes" as const, issuer: cluster.issuer, audience: "heddle", jwks: cluster.jwks };
  const by = { nowMs: Date.now(), peerAddress: "10.0.0.1", uses: new TokenUses(), ...more };
  return attestKubernetes({ kind: "kubernetes", token }, attestor, by);
}

describe("a projected service-account token", () => {
  test("tells which pod the agent is in", () => {
    const node = valueOrThrow(pod(cluster.token(podClaims())));
    expect(node.name).toBe("pod 49ad0f5e-4b3c-4c66-8f2e-8a54b4e1f0aa");
    expect(node.facts).toEqual({
      namespace: ["shop"],
      serviceAccount: ["cart"],
      pod: ["cart-6d5f7c9b8-x2x7k"],
      podUid: ["49ad0f5e-4b3c-4c66-8f2e-8a54b4e1f0aa"],
      node: ["worker-1"],
    });
  });

  test.each([
    ["another audience", cluster.token(podClaims({ aud: ["https://kubernetes.default.svc"] })), "another audience"],
    ["no audience", cluster.token(podClaims({ aud: undefined })), "another audience"],
    ["another issuer", cluster.token(podClaims({ iss: "https://other" })), "another issuer"],
    ["another cluster's key", signingIssuer(cluster.issuer, { algorithm: "RS256" }).token(podClaims()), "signature"],
    ["the past", cluster.token(podClaims({ iat: nowS - HOUR_S, exp: nowS - 61 })), "expired"],
    ["the future", cluster.token(podClaims({ nbf: nowS + 120 })), "not valid yet"],
    ["no end", cluster.token(podClaims({ exp: undefined })), "from when and until when"],
    ["no beginning", cluster.token(podClaims({ iat: undefined })), "from when and until when"],
    ["too long a life", cluster.token(podClaims({ exp: nowS + 100 * HOUR_S })), "longer than 120 minutes"],
    [
      "no pod",
      cluster.token(podClaims({ "kubernetes.io": { namespace: "shop", serviceaccount: { name: "cart" } } })),
      "not bound to a pod",
    ],
    [
      "nothing of Kubernetes",
      cluster.token(podClaims({ "kubernetes.io": undefined })),
      "not that of a service account",
    ],
    [
      "another subject",
      cluster.token(podClaims({ sub: "system:serviceaccount:shop:admin" })),
      "not that of a service account",
    ],
    ["no signature", unsigned(podClaims()), "no signed JSON Web Token"],
    ["no signature, by another algorithm's name", `${unsigned(podClaims())}AAAA`, "in a way that is not accepted"],
    ["an HMAC by the public key", hmacToken(cluster), "in a way that is not accepted"],
    ["a critical extension", cluster.token(podClaims(), { crit: ["b64"] }), "extension that is not known"],
    ["a key that it names itself", cluster.token(podClaims(), { kid: "mine", jwk: cluster.jwk }), "does not publish"],
    ["too much text", "a".repeat(20_000), "longer than"],
    ["no text", "", "no signed JSON Web Token"],
  ])("of %s is refused", (_, token, why) => {
    expect(told(pod(token))).toContain(why);
  });

  test("may be shown again by the same pod, not without end, and from nowhere else", () => {
    const uses = new TokenUses();
    const token = cluster.token(podClaims());
    expect(told(pod(token, { uses }))).toBe("ok");
    expect(told(pod(token, { uses, peerAddress: "10.6.6.6" }))).toContain("from another address");
    for (let turn = 1; turn < 16; turn++) expect(told(pod(token, { uses }))).toBe("ok");
    expect(told(pod(token, { uses }))).toContain("16 times");
    expect(told(pod(cluster.token(podClaims({ jti: "renewed" })), { uses, peerAddress: "10.6.6.6" }))).toBe("ok");
  });

  test("is counted once, however many attestations look at it, and only where somebody joins", async () => {
    const attestor = { kind: "kubernetes" as const, issuer: cluster.issuer, audience: "heddle", jwks: cluster.jwks };
    const attestation = (index: number): NodeAttestation => ({
      apiVersion: "heddle.dev/v1",
      kind: "NodeAttestation",
      metadata: { namespace: "", name: `n${index}`, labels: {}, annotations: {} },
      spec: { attestor, identities: [{ workloads: [index === 19 ? "shop/cart" : "shop/other"], where: {} }] },
    });
    const attestations = Array.from({ length: 20 }, (_, index) => attestation(index));
    const clock = { nowMs: () => Date.now() };
    const nodes = new NodeAttestors({
      attestations: () => attestations,
      barred: nobodyBarred,
      clock,
      audit: () => undefined,
    });
    const token = cluster.token(podClaims());
    const signed = { request: new Uint8Array(), nonce: new Uint8Array(), peerAddress: "10.0.0.1", instance: "cart-1" };
    const join = async (serviceAccount: string) =>
      told(
        await nodes.attest({ namespace: "shop", serviceAccount, evidence: { kind: "kubernetes", token }, ...signed }),
      );
    for (let turn = 0; turn < 20; turn++) expect(await join("nobody")).toContain("No NodeAttestation lets");
    for (let turn = 0; turn < 16; turn++) expect(await join("cart")).toBe("ok");
    expect(await join("cart")).toContain("16 times");
  });

  test("is the same token however its signature is written", () => {
    const curves = signingIssuer(cluster.issuer, { algorithm: "ES256" });
    const attestor = { kind: "kubernetes" as const, issuer: curves.issuer, audience: "heddle", jwks: curves.jwks };
    const uses = new TokenUses();
    const shown = (token: string, peerAddress: string) =>
      told(attestKubernetes({ kind: "kubernetes", token }, attestor, { nowMs: Date.now(), peerAddress, uses }));
    const token = curves.token(podClaims());
    expect(shown(token, "10.0.0.1")).toBe("ok");
    expect(shown(twinOf(token), "10.6.6.6")).toContain("from another address");
    expect(shown(twinOf(token), "10.0.0.1")).toBe("ok");
  });

  test("is judged with a minute for clocks that are apart, and no more", () => {
    const token = cluster.token(podClaims({ iat: nowS, exp: nowS + 600, nbf: nowS }));
    expect(told(pod(token, { nowMs: (nowS - 59) * 1000 }))).toBe("ok");
    expect(told(pod(token, { nowMs: (nowS - 61) * 1000 }))).toContain("not valid yet");
    expect(told(pod(token, { nowMs: (nowS + 659) * 1000 }))).toBe("ok");
    expect(told(pod(token, { nowMs: (nowS + 661) * 1000 }))).toContain("expired");
  });
});

describe("an instance identity token of Google Cloud", () => {
  const nonce = new Uint8Array(32).fill(5);
  const audience = gcpAudience("https://heddle.example", nonce);
  const instance = (token: string) => {
    const pins = { audience: "https://heddle.example", jwks: google.jwks, projects: ["company-prod"] };
    return attestGcp({ kind: "gcp", token }, { kind: "gcp", ...pins }, { nowMs: Date.now(), nonce });
  };

  test("tells which instance the agent is on", () => {
    const node = valueOrThrow(instance(google.token(instanceClaims(audience))));
    expect(node).toEqual({
      name: "company-prod/152986662232938449",
      facts: {
        project: ["company-prod"],
        instance: ["152986662232938449"],
        instanceName: ["cart-1"],
        zone: ["europe-west1-b"],
        serviceAccount: ["mesh@company-prod.iam.gserviceaccount.com"],
      },
    });
  });

  test.each([
    [
      "for another attempt",
      google.token(
        instanceClaims(
          gcpAudience(
            "https://heddle.example",
            nonce.map(() => 6),
          ),
        ),
      ),
      "another audience",
    ],
    ["for no attempt", google.token(instanceClaims("https://heddle.example")), "another audience"],
    ["for several", google.token(instanceClaims("", { aud: ["https://heddle.example", "x"] })), "another audience"],
    [
      "of another project",
      google.token(instanceClaims(audience, { google: { compute_engine: { project_id: "other", instance_id: "1" } } })),
      "another project",
    ],
    ["of a service account alone", google.token(instanceClaims(audience, { google: undefined })), "which instance"],
    [
      "of another issuer",
      google.token(instanceClaims(audience, { iss: "accounts.google.com.example" })),
      "another issuer",
    ],
    [
      "by another key",
      signingIssuer(google.issuer, { algorithm: "RS256" }).token(instanceClaims(audience)),
      "signature",
    ],
    ["of yesterday", google.token(instanceClaims(audience, { iat: nowS - 90_000, exp: nowS - 86_400 })), "expired"],
    ["that is not signed", unsigned(instanceClaims(audience)), "no signed JSON Web Token"],
  ])("%s is refused", (_, token, why) => {
    expect(told(instance(token))).toContain(why);
  });

  test("of an unverified address tells nothing by it", () => {
    const node = valueOrThrow(instance(google.token(instanceClaims(audience, { email_verified: false }))));
    expect(node.facts["serviceAccount"]).toEqual([]);
  });
});

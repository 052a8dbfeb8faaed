import { describe, expect, test } from "bun:test";
import type { HttpAnswered, HttpAsk } from "#engine/http-client";
import { failure, problem, type Resource, type Result, success, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { signingIssuer } from "../../../test/fakes/token-issuer.ts";
import { IssuerKeyring, type KeptKeys } from "./issuer-keys.ts";

const ISSUER = "https://id.example";
const CONFIGURATION = `${ISSUER}/.well-known/openid-configuration`;
const KEYS = `${ISSUER}/keys`;
const BY_URI = `jwks ${KEYS}`;
const BY_ISSUER = `issuer ${ISSUER}`;
const id = signingIssuer();
const next = signingIssuer(ISSUER, { kid: "k2" });

function policies(...rules: string[]): readonly Resource[] {
  const text = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: people, namespace: shop }
spec: { jwtRules: [${rules.join(", ")}] }
`;
  return valueOrThrow(parseManifests([{ file: "a.yaml", text }]));
}
const byUri = policies(`{ issuer: "${ISSUER}", jwksUri: "${KEYS}" }`);
const byIssuer = policies(`{ issuer: "${ISSUER}" }`);

/** The web as the keyring sees it: what each URL answers, and what was asked. */
function ring(web: Record<string, string | number>, stored: KeptKeys = {}) {
  const time = new FakeTime();
  const asked: HttpAsk[] = [];
  const told: string[] = [];
  let changes = 0;
  let kept = stored;
  const keyring = new IssuerKeyring({
    ask(ask): Promise<Result<HttpAnswered>> {
      asked.push(ask);
      const answer = web[ask.url];
      if (answer === undefined) return Promise.resolve(failure(problem("HDL_ENGINE_UNREACHABLE", "nobody there.")));
      const [status, text] = typeof answer === "number" ? [answer, ""] : [200, answer];
      return Promise.resolve(success({ status, headers: [], body: new TextEncoder().encode(text) }));
    },
    store: {
      load: () => Promise.resolve(success(kept)),
      save(keys) {
        kept = keys;
        return Promise.resolve(success(undefined));
      },
    },
    clock: time,
    timers: time,
    random: { next: () => 0.5 },
    onChange: () => changes++,
    onFailure: ({ problems }) => told.push(problems[0].message),
  });
  const kids = (name: string): unknown =>
    (JSON.parse(keyring.keys.get(name) ?? '{"keys":[]}') as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  const settle = (): Promise<void> => Bun.sleep(0);
  const pass = async (ms: number): Promise<void> => {
    time.advance(ms);
    await settle();
  };
  return { keyring, asked, told, kids, settle, pass, web, changes: () => changes, kept: () => kept };
}

describe("the keys of issuers", () => {
  test("are fetched from where a policy says, stripped of all else, and kept", async () => {
    const { keyring, kids, settle, kept } = ring({
      [KEYS]: JSON.stringify({ keys: [{ ...id.jwk, x5c: ["secret"], d: "secret" }] }),
    });
    await keyring.start();
    keyring.watch(byUri);
    await settle();
    expect(kids(BY_URI)).toEqual(["k1"]);
    expect(keyring.keys.get(BY_URI)).not.toContain("secret");
    expect(kept()[BY_URI]?.jwks).toBe(keyring.keys.get(BY_URI) as string);
  });

  test("are found by the issuer's metadata, which must be its own", async () => {
    const { keyring, kids, settle, told, web, pass } = ring({
      [CONFIGURATION]: JSON.stringify({ issuer: "https://evil.example", jwks_uri: KEYS }),
      [KEYS]: id.jwks,
    });
    keyring.watch(byIssuer);
    await settle();
    expect([kids(BY_ISSUER), told]).toEqual([[], [`${CONFIGURATION} is not the metadata of ${ISSUER}.`]]);
    web[CONFIGURATION] = JSON.stringify({ issuer: ISSUER, jwks_uri: KEYS });
    await pass(2000);
    expect(kids(BY_ISSUER)).toEqual(["k1"]);
  });

  test.each([
    [
      "in the clear, of an issuer that is not",
      { [CONFIGURATION]: JSON.stringify({ issuer: ISSUER, jwks_uri: "http://id.example/keys" }) },
      "no `jwks_uri`",
    ],
    [
      "a file",
      { [CONFIGURATION]: JSON.stringify({ issuer: ISSUER, jwks_uri: "file:///etc/passwd" }) },
      "no `jwks_uri`",
    ],
    ["nothing", { [CONFIGURATION]: "[]" }, "not the metadata"],
    ["a redirect", { [CONFIGURATION]: 302 }, "status 302"],
    ["a failure", { [CONFIGURATION]: 500 }, "status 500"],
    ["nobody", {}, "nobody there"],
    [
      "keys that are none",
      { [CONFIGURATION]: JSON.stringify({ issuer: ISSUER, jwks_uri: KEYS }), [KEYS]: "<html>" },
      "not a JSON Web Key Set",
    ],
  ])("are not those of %s", async (_name, web, want) => {
    const { keyring, kids, settle, told } = ring(web);
    keyring.watch(byIssuer);
    await settle();
    expect(kids(BY_ISSUER)).toEqual([]);
    expect(told).toEqual([expect.stringContaining(want)]);
  });

  test("follow the issuer's, and change nothing where nothing has changed", async () => {
    const { keyring, kids, settle, pass, web, changes, asked } = ring({ [KEYS]: id.jwks });
    keyring.watch(byUri);
    await settle();
    await pass(300_000);
    expect([changes(), asked.length]).toEqual([1, 2]);
    web[KEYS] = JSON.stringify({ keys: [id.jwk, next.jwk] });
    await pass(300_000);
    expect([kids(BY_URI), changes()]).toEqual([["k1", "k2"], 2]);
    web[KEYS] = next.jwks;
    await pass(300_000);
    expect(kids(BY_URI)).toEqual(["k2"]);
  });

  test("hold for a day while their issuer is away, which is told once", async () => {
    const { keyring, kids, settle, pass, web, told } = ring({ [KEYS]: id.jwks });
    keyring.watch(byUri);
    await settle();
    delete web[KEYS];
    for (let minutes = 0; minutes < 23 * 60; minutes += 5) await pass(300_000);
    expect([kids(BY_URI), told.length]).toEqual([["k1"], 1]);
    for (let minutes = 0; minutes < 80; minutes += 5) await pass(300_000);
    expect(kids(BY_URI)).toEqual([]);
    web[KEYS] = id.jwks;
    await pass(300_000);
    expect(kids(BY_URI)).toEqual(["k1"]);
  });

  test("are asked for again soon, and then ever more rarely", async () => {
    const { keyring, settle, pass, asked } = ring({});
    keyring.watch(byUri);
    await settle();
    const counts: number[] = [];
    for (const ms of [2000, 4000, 8000, 16_000, 1000]) {
      await pass(ms);
      counts.push(asked.length);
    }
    expect(counts).toEqual([2, 3, 4, 5, 5]);
  });

  test("are there at once after a start, before the issuer has answered", async () => {
    const stored = {
      [BY_URI]: { jwks: id.jwks, fetchedAtMs: 0 },
      "jwks https://gone.example/": { jwks: id.jwks, fetchedAtMs: 0 },
    };
    const { keyring, kids, kept } = ring({}, stored);
    await keyring.start();
    expect(kids(BY_URI)).toEqual(["k1"]);
    keyring.watch(byUri);
    expect([kids(BY_URI), Object.keys(kept())]).toEqual([["k1"], [BY_URI]]);
  });

  test("are asked for sooner when a token names another, and not more often than that", async () => {
    const { keyring, kids, settle, pass, web, asked } = ring({ [KEYS]: id.jwks });
    keyring.watch(byUri);
    await settle();
    web[KEYS] = JSON.stringify({ keys: [id.jwk, next.jwk] });
    keyring.lookSooner("https://another.example");
    await pass(20_000);
    expect(asked.length).toBe(1);
    for (let count = 0; count < 100; count++) keyring.lookSooner(ISSUER);
    await pass(0);
    expect([asked.length, kids(BY_URI)]).toEqual([2, ["k1", "k2"]]);
    for (let seconds = 0; seconds < 30; seconds++) {
      for (let count = 0; count < 100; count++) keyring.lookSooner(ISSUER);
      await pass(1000);
    }
    expect(asked.length).toBe(5);
    await pass(299_999);
    expect(asked.length).toBe(5);
    await pass(1);
    expect(asked.length).toBe(6);
  });

  test("are asked for sooner while their issuer is away, too, but never twice at once", async () => {
    const { keyring, settle, pass, asked } = ring({});
    keyring.watch(byUri);
    keyring.lookSooner(ISSUER);
    await settle();
    expect(asked.length).toBe(1);
    for (let minutes = 0; minutes < 20; minutes++) await pass(60_000);
    const count = asked.length;
    await pass(20_000);
    expect(asked.length).toBe(count);
    keyring.lookSooner(ISSUER);
    await pass(0);
    expect(asked.length).toBe(count + 1);
  });

  test("come from hosts that are known by the authorities that the mesh names for them, and at once when it does", async () => {
    const { keyring, settle, pass, asked } = ring({
      [CONFIGURATION]: JSON.stringify({ issuer: ISSUER, jwks_uri: "https://keys.example/" }),
    });
    const { pem } = fakeAuthority("company.example");
    const meshWith = (host: string): Resource => {
      const spec = `{ trustDomain: shop.example, issuerAuthorities: [{ hosts: [${host}], caCertificates: ${JSON.stringify(pem)} }] }`;
      const text = `apiVersion: heddle.dev/v1\nkind: Mesh\nmetadata: { name: mesh }\nspec: ${spec}\n`;
      return valueOrThrow(parseManifests([{ file: "mesh.yaml", text }]))[0] as Resource;
    };
    keyring.watch(byIssuer);
    await settle();
    expect(asked.map(({ trust }) => trust)).toEqual([undefined, undefined]);
    keyring.watch([...byIssuer, meshWith("ID.example")]);
    await pass(0);
    const trust = { by: "authorities", authoritiesPem: pem } as const;
    expect(asked.map((each) => each.trust)).toEqual([undefined, undefined, trust, undefined]);
    keyring.watch([...byIssuer, meshWith("ID.example")]);
    await pass(0);
    expect(asked.length).toBe(4);
    keyring.watch([...byIssuer, meshWith("keys.example")]);
    await pass(0);
    expect(asked.slice(4).map((each) => each.trust)).toEqual([undefined, trust]);
  });

  test("are let go with the policy that names them, and so is what was under way", async () => {
    const { keyring, kids, settle, pass, asked } = ring({ [KEYS]: id.jwks });
    keyring.watch(byUri);
    await settle();
    keyring.watch(byUri);
    expect(asked.length).toBe(1);
    keyring.watch([]);
    expect(kids(BY_URI)).toEqual([]);
    await pass(600_000);
    expect(asked.length).toBe(1);
    keyring.watch(byUri);
    keyring.stop();
    await settle();
    expect([kids(BY_URI), asked.at(-1)?.signal?.aborted]).toEqual([[], true]);
  });
});

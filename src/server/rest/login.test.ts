import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { valueOrThrow } from "#model";
import { startLoginServer } from "../../../test/fakes/login-server.ts";
import { FakeOidcServer, type Forgery } from "../../../test/fakes/oidc-server.ts";
import { type ControlPlane, startControlPlane } from "../index.ts";

const directory = mkdtempSync(join(tmpdir(), "heddle-login-"));
const provider = new FakeOidcServer();
let server: ControlPlane;
let admin = "";

beforeAll(async () => {
  server = await startLoginServer(directory, provider);
  admin = JSON.parse(readFileSync(join(directory, "data/admin.json"), "utf8")).token;
});
afterAll(async () => {
  await server.stop();
  await provider.stop();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  provider.forgery = undefined;
  provider.isDeviceApproved = false;
});

interface Sent {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function send(path: string, { method, body, headers = {} }: Sent = {}) {
  const response = await fetch(new URL(path, server.url), {
    redirect: "manual",
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
}

const cookieOf = (answer: { headers: Headers }, name: string): string =>
  answer.headers.getSetCookie().find((each) => each.startsWith(`${name}=`)) ?? "";
const pair = (cookie: string): string => cookie.split(";")[0] ?? "";

/** To the provider and back to the server's door, as a browser goes. */
async function goThere() {
  const begun = await send("/api/v1/login");
  const binding = cookieOf(begun, "heddle_login");
  const sent = await fetch(begun.headers.get("location") ?? "", { redirect: "manual" });
  return { binding, back: sent.headers.get("location") ?? "" };
}

async function logIn() {
  const { binding, back } = await goThere();
  return send(back, { headers: { cookie: pair(binding) } });
}

async function sessionOf(answer: { headers: Headers }) {
  const headers = { cookie: pair(cookieOf(answer, "heddle_session")) };
  const asked = await send("/api/v1/whoami", { headers });
  return { headers, asked };
}

describe("a person in a browser", () => {
  test("logs in by the provider, and may what roles give to the subject and its groups", async () => {
    const back = await logIn();
    expect([back.status, back.headers.get("location")]).toEqual([302, "/"]);
    const { headers, asked } = await sessionOf(back);
    expect(asked.json()).toEqual({ actor: "person:248289761001 (ada@example.org)", grants: [] });
    expect((await send("/api/v1/resources", { headers })).status).toBe(403);
    const role = (name: string, holder: string, verb: string) =>
      `apiVersion: heddle.dev/v1\nkind: AdminRole\nmetadata: { name: ${name}, namespace: shop }\nspec: { verbs: [${verb}], holders: [{ ${holder} }] }\n`;
    const text = `${role("a", "group: sre", "view")}---\n${role("b", 'subject: "248289761001"', "operate")}---\n${role("c", "group: others", "audit")}`;
    await send("/api/v1/apply", {
      headers: { authorization: `Bearer ${admin}` },
      body: { files: [{ file: "r.yaml", text }] },
    });
    expect((await send("/api/v1/whoami", { headers })).json().grants).toEqual([
      { verbs: ["view"], namespace: "shop" },
      { verbs: ["operate"], namespace: "shop" },
    ]);
    expect((await send("/api/v1/resources", { headers })).status).toBe(200);
  });

  test("is asked with PKCE, state and nonce, each new", async () => {
    await logIn();
    await logIn();
    const [first, second] = provider.asked.slice(-2);
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(first?.get(name)?.length).toBeGreaterThan(30);
      expect(first?.get(name)).not.toBe(second?.get(name) ?? "");
    }
    expect([first?.get("code_challenge_method"), first?.get("scope"), first?.get("response_type")]).toEqual([
      "S256",
      "openid email",
      "code",
    ]);
  });

  test("has cookies that no script and no other site can use", async () => {
    const { binding, back } = await goThere();
    expect(binding).toMatch(/HttpOnly; SameSite=Lax; Path=\/api\/v1\/login; Max-Age=600$/);
    const answer = await send(back, { headers: { cookie: pair(binding) } });
    expect(cookieOf(answer, "heddle_session")).toMatch(/HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/);
    const { headers } = await sessionOf(answer);
    expect((await send("/api/v1/logout", { headers, body: {} })).status).toBe(403);
    expect((await send("/api/v1/logout", { headers: { ...headers, "x-heddle-request": "1" }, body: {} })).status).toBe(
      204,
    );
    expect((await send("/api/v1/whoami", { headers })).status).toBe(401);
  });

  test("cannot be given somebody else's login, nor come back twice", async () => {
    const { binding, back } = await goThere();
    const other = await goThere();
    expect((await send(back)).status).toBe(401);
    expect((await send(back, { headers: { cookie: pair(other.binding) } })).status).toBe(401);
    const again = await goThere();
    expect((await send(again.back, { headers: { cookie: pair(again.binding) } })).status).toBe(302);
    expect((await send(again.back, { headers: { cookie: pair(again.binding) } })).status).toBe(401);
    expect((await send(`${back}x`, { headers: { cookie: pair(binding) } })).status).toBe(401);
  });

  test.each<[string, Forgery]>([
    ["for another client", { kind: "claims", claims: { aud: "other" } }],
    ["of another issuer", { kind: "claims", claims: { iss: "https://other.example" } }],
    ["of another login", { kind: "claims", claims: { nonce: "other" } }],
    ["without the nonce", { kind: "claims", claims: { nonce: undefined } }],
    ["that has ended", { kind: "claims", claims: { exp: Math.floor(Date.now() / 1000) - 600 } }],
    ["without a subject", { kind: "claims", claims: { sub: undefined } }],
    ["that nobody signed", { kind: "unsigned" }],
    ["signed by another key under the published name", { kind: "foreign-key" }],
    ["signed by a key that is not published", { kind: "unpublished-key" }],
  ])("is refused with an ID token %s", async (_, forgery) => {
    provider.forgery = forgery;
    const refused = await logIn();
    expect([refused.status, cookieOf(refused, "heddle_session")]).toEqual([401, ""]);
    expect(refused.text).toContain("HDL_API_LOGIN");
  });

  test("logs in right after the provider changed its key", async () => {
    expect((await logIn()).status).toBe(302);
    provider.rotateKey();
    expect((await logIn()).status).toBe(302);
  });

  test("is called by an address only if the provider verified it", async () => {
    const { person } = provider;
    provider.person = { sub: "7", email: "admin", email_verified: false, groups: "sre" };
    expect((await sessionOf(await logIn())).asked.json().actor).toBe("person:7");
    provider.person = person;
  });
});

describe("a person with a command", () => {
  const begin = async () => (await send("/api/v1/login/device", { method: "POST" })).json();
  const poll = (handle: string) => send("/api/v1/login/device/poll", { body: { handle } });

  async function untilEnded(handle: string) {
    for (let tries = 0; tries < 100; tries++) {
      const polled = await poll(handle);
      if (polled.status !== 200 || polled.json().state === "done") return polled;
      await Bun.sleep(50);
    }
    throw new Error("the login did not end");
  }

  test("logs in on another device, once, and out again", async () => {
    const begun = await begin();
    expect(begun).toMatchObject({
      userCode: "WDJB-MJHT",
      verificationUri: `${provider.issuer}/activate`,
      intervalS: 1,
    });
    expect((await poll(begun.handle)).json()).toEqual({ state: "waiting" });
    provider.isDeviceApproved = true;
    const done = await untilEnded(begun.handle);
    expect(done.json()).toMatchObject({ state: "done", actor: "person:248289761001 (ada@example.org)" });
    expect((await poll(begun.handle)).status).toBe(401);
    const headers = { authorization: `Bearer ${done.json().token}` };
    expect((await send("/api/v1/whoami", { headers })).status).toBe(200);
    expect((await send("/api/v1/logout", { method: "POST", headers })).status).toBe(204);
    expect((await send("/api/v1/whoami", { headers })).status).toBe(401);
  });

  test("is refused with a token for another client", async () => {
    provider.isDeviceApproved = true;
    provider.forgery = { kind: "claims", claims: { aud: "other" } };
    const refused = await untilEnded((await begin()).handle);
    expect([refused.status, refused.json().problems[0].code]).toEqual([401, "HDL_API_LOGIN"]);
  });

  test("cannot begin more logins than a person needs", async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 6; n++) statuses.push((await send("/api/v1/login/device", { method: "POST" })).status);
    expect(statuses.at(-1)).toBe(401);
  });

  test("logins, refusals and logouts are in the audit log", async () => {
    const { entries } = (
      await send("/api/v1/audit?limit=1000", { headers: { authorization: `Bearer ${admin}` } })
    ).json();
    const actions = new Set(entries.map(({ action }: { action: string }) => action));
    for (const action of ["login", "login-refused", "logout"]) expect(actions).toContain(action);
  });
});

test("whoever fails too often is not heard for a while", async () => {
  const statuses: number[] = [];
  for (let n = 0; n < 30; n++) statuses.push((await send("/api/v1/login/callback?code=x&state=y")).status);
  expect(new Set(statuses)).toEqual(new Set([401, 429]));
  expect((await send("/api/v1/login")).status).toBe(429);
});

test("behind a proxy in TLS, cookies are for TLS only, and the public name is known", async () => {
  const anywhere = { address: "127.0.0.1", port: 0 };
  const proxied = valueOrThrow(
    await startControlPlane({
      dataDirectory: join(directory, "proxied"),
      api: anywhere,
      agents: anywhere,
      trustDomain: "shop.example",
      version: "1",
      consoleDirectory: undefined,
      identityProvider: {
        issuer: provider.issuer,
        clientId: provider.clientId,
        clientSecretFile: join(directory, "client.secret"),
        scopes: "openid",
        groupsClaim: "groups",
        publicUrl: "https://mesh.example",
      },
      log: () => {},
    }),
  );
  const ask = (host: string) => fetch(`${proxied.url}/api/v1/login`, { headers: { host }, redirect: "manual" });
  const begun = await ask("mesh.example");
  expect(new URL(begun.headers.get("location") ?? "").searchParams.get("redirect_uri")).toBe(
    "https://mesh.example/api/v1/login/callback",
  );
  expect(begun.headers.get("set-cookie")).toEndWith("; Secure");
  expect((await ask("other.example")).status).toBe(421);
  await proxied.stop();
});

test("an issuer that could be anybody's is refused at the start", async () => {
  const anywhere = { address: "127.0.0.1", port: 0 };
  const started = await startControlPlane({
    dataDirectory: join(directory, "plain"),
    api: anywhere,
    agents: anywhere,
    trustDomain: "shop.example",
    version: "1",
    consoleDirectory: undefined,
    identityProvider: { issuer: "http://login.example", clientId: "a", scopes: "openid", groupsClaim: "groups" },
    log: () => {},
  });
  expect(started.ok ? "" : started.problems[0].code).toBe("HDL_SERVER_IDENTITY_PROVIDER");
});

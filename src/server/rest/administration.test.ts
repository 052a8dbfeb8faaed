import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { valueOrThrow } from "#model";
import { type ControlPlane, startControlPlane } from "../index.ts";
import { ROUTE_RIGHTS } from "./route-rights.ts";

const directory = mkdtempSync(join(tmpdir(), "heddle-administration-"));
const data = join(directory, "data");
let server: ControlPlane;
let admin = "";

async function start(): Promise<void> {
  const anywhere = { address: "127.0.0.1", port: 0 };
  const given = { dataDirectory: data, api: anywhere, agents: anywhere, trustDomain: "shop.example", version: "1" };
  server = valueOrThrow(await startControlPlane({ ...given, consoleDirectory: undefined, log: () => {} }));
  admin = JSON.parse(readFileSync(join(data, "admin.json"), "utf8")).token;
}

interface Sent {
  readonly token?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function send(path: string, { token = admin, method, body, headers }: Sent = {}) {
  const response = await fetch(server.url + path, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(headers ?? { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers, json: () => JSON.parse(text) };
}

const namespace = (name: string, parent?: string): string =>
  `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}${parent === undefined ? "" : `, labels: { heddle.dev/parent: ${parent} }`} }\n`;
const policy = (at: string, name = "deny"): string =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: ${name}, namespace: ${at} }\nspec: {}\n`;
const role = (at: string, verbs: string, holder: string): string =>
  `apiVersion: heddle.dev/v1\nkind: AdminRole\nmetadata: { name: given, namespace: ${at} }\nspec: { verbs: [${verbs}], holders: [{ ${holder} }] }\n`;
const apply = (texts: readonly string[], token = admin, dryRun = false) =>
  send("/api/v1/apply", { token, body: { files: [{ file: "f.yaml", text: texts.join("---\n") }], dryRun } });

async function tokenFor(at: string, name: string, verbs: readonly string[]): Promise<string> {
  const made = await send("/api/v1/api-tokens", { body: { namespace: at, name, verbs } });
  expect(made.status).toBe(200);
  return made.json().token;
}

beforeAll(async () => {
  await start();
  const made = await apply([
    namespace("shop"),
    namespace("cart", "shop"),
    namespace("bank"),
    policy("cart"),
    policy("bank"),
  ]);
  expect(made.status).toBe(200);
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

describe("every route", () => {
  let nothing = "";
  beforeAll(async () => {
    nothing = await tokenFor("nowhere", "nothing", []);
  });
  const closed = Object.entries(ROUTE_RIGHTS).filter(([, { at }]) => at !== "open");

  test.each(closed)("%s asks for a credential, and for a right", async (route, { at }) => {
    const [method = "", path = ""] = route.split(" ");
    const asked = path.replace(":kind", "Service").replace(/:name|:id/, "x");
    const body = method === "POST" ? { body: {} } : {};
    expect((await send(asked, { ...body, method, headers: {} })).status).toBe(401);
    if (at === "anyone") return;
    const valid: Readonly<Record<string, unknown>> = {
      "/api/v1/apply": { files: [{ file: "f", text: policy("cart", "mine") }] },
    };
    const refused = await send(asked, {
      ...(method === "POST" ? { body: valid[asked] ?? {} } : {}),
      method,
      token: nothing,
    });
    expect(refused.status).toBe(403);
    expect(refused.json().problems[0]).toMatchObject({ code: "HDL_API_FORBIDDEN" });
  });
});

describe("an administrator of a subtree", () => {
  let token = "";
  beforeAll(async () => {
    token = await tokenFor("shop", "team", ["operate", "secure", "administer", "audit"]);
  });

  test("changes what is in it and below, and is told by its name in history", async () => {
    expect((await apply([policy("cart", "mine"), policy("shop", "mine")], token)).status).toBe(200);
    const { changes } = (await send("/api/v1/history?limit=1")).json();
    expect(changes[0]).toMatchObject({ actor: "api-token:shop/team" });
  });

  test("simulates what changes in it, and asks by no simulation what goes on beside it", async () => {
    const simulate = (body: object) => send("/api/v1/policy/simulate", { token, body: { files: [], ...body } });
    const files = (text: string) => ({ files: [{ file: "f.yaml", text }] });
    const deletes = (at: string) => ({ deletes: [{ kind: "AuthorizationPolicy", namespace: at, name: "deny" }] });
    const asked = [files(policy("cart")), deletes("cart"), files(namespace("cart", "shop"))];
    for (const each of asked) expect((await simulate(each)).status).toBe(200);
    const refused = [files(policy("bank")), deletes("bank"), files(namespace("bank")), files(policy("heddle-system"))];
    for (const each of refused) {
      const answer = await simulate(each);
      expect([answer.status, answer.json().problems[0].code]).toEqual([403, "HDL_API_FORBIDDEN"]);
    }
  });

  test.each<[string, readonly string[]]>([
    ["beside it", [policy("bank", "mine")]],
    ["in the root namespace", [policy("heddle-system", "mine")]],
    ["one outside among many", [policy("shop", "more"), policy("bank", "more")]],
    [
      "the mesh",
      ["apiVersion: heddle.dev/v1\nkind: Mesh\nmetadata: { name: mesh }\nspec: { trustDomain: shop.example }\n"],
    ],
    ["a role outside", [role("bank", "view", "apiToken: shop/team")]],
    ["its own namespace's labels", [namespace("shop", "bank")]],
    ["a namespace taken in", [namespace("bank", "shop")]],
    ["a namespace that has no object yet", [namespace("other", "shop")]],
    ["a namespace let loose", [namespace("cart")]],
  ])("changes nothing outside: %s", async (_, texts) => {
    const before = (await send("/api/v1/resources")).json().revision;
    const refused = await apply(texts, token);
    expect(refused.status).toBe(403);
    expect(refused.json().problems[0].message).toContain("api-token:shop/team may not");
    expect((await send("/api/v1/resources")).json().revision).toBe(before);
  });

  test("sees nothing outside", async () => {
    const seen = (await send("/api/v1/resources", { token })).json().resources;
    const places = seen.map(({ kind, metadata }: { kind: string; metadata: { namespace?: string; name: string } }) =>
      kind === "Namespace" ? metadata.name : metadata.namespace,
    );
    expect(new Set(places)).toEqual(new Set(["shop", "cart"]));
    const history = (await send("/api/v1/history?limit=1000", { token })).json().changes;
    expect(history.some((each: { namespace: string }) => each.namespace === "cart")).toBe(true);
    expect(history.some((each: { namespace: string }) => each.namespace === "bank")).toBe(false);
    const audit = (await send("/api/v1/audit?limit=1000", { token })).json().entries;
    const concerned = audit.flatMap((each: { namespaces: readonly string[] }) => each.namespaces);
    expect(new Set(concerned)).toEqual(new Set(["shop", "cart"]));
  });

  test.each([
    ["reading", "/api/v1/resources/AuthorizationPolicy/deny?namespace=bank", {}],
    ["reading what is not there", "/api/v1/resources/AuthorizationPolicy/none?namespace=bank", {}],
    ["deleting", "/api/v1/resources/AuthorizationPolicy/deny?namespace=bank", { method: "DELETE" }],
    ["deleting its own place in the tree", "/api/v1/resources/Namespace/shop", { method: "DELETE" }],
    ["explaining", "/api/v1/policy/explain", { body: { source: "shop/web", destination: "bank/ledger" } }],
    ["asking why", "/api/v1/why?service=bank/ledger", {}],
    ["verifying the whole log", "/api/v1/audit?whole=true", {}],
    ["joining", "/api/v1/tokens", { body: { allowed: [{ namespace: "bank", serviceAccount: "ledger" }] } }],
    ["revoking", "/api/v1/authority/revocations", { body: { namespace: "bank", serviceAccount: "ledger" } }],
    ["rotating", "/api/v1/authority/rotations", { body: { what: "root" } }],
    ["making tokens", "/api/v1/api-tokens", { body: { namespace: "bank", name: "mine" } }],
  ])("is refused outside, with what it may not: %s", async (_, path, sent) => {
    const refused = await send(path, { token, ...sent });
    expect([refused.status, refused.json().problems[0].code]).toEqual([403, "HDL_API_FORBIDDEN"]);
  });

  test("is refused a diff that would show what is outside", async () => {
    expect((await apply([policy("bank")], token, true)).status).toBe(403);
    expect((await apply([policy("cart")], token, true)).status).toBe(200);
  });

  test("refusals are in the log, for those who read all of it", async () => {
    const entries = (await send("/api/v1/audit")).json().entries;
    expect(entries.find(({ action }: { action: string }) => action === "right-refused")).toMatchObject({
      actor: "api-token:shop/team",
    });
  });
});

describe("a viewer", () => {
  test("sees and changes nothing", async () => {
    const token = await tokenFor("shop", "viewer", ["view"]);
    expect((await send("/api/v1/resources/AuthorizationPolicy/deny?namespace=cart", { token })).status).toBe(200);
    expect((await apply([policy("cart", "new")], token, true)).status).toBe(200);
    expect((await apply([policy("cart", "new")], token)).status).toBe(403);
    expect((await send("/api/v1/audit", { token })).status).toBe(403);
  });
});

describe("an API token", () => {
  test("is shown once, and kept by its hash", async () => {
    const token = await tokenFor("shop", "once", ["view"]);
    expect(token).toMatch(/^hat1\.[0-9a-f]{16}\.[A-Za-z0-9_-]{43}$/);
    const listed = await send("/api/v1/api-tokens");
    const secret = token.split(".")[2] ?? "";
    expect(listed.text).toContain('"once"');
    for (const text of [listed.text, (await send("/api/v1/audit")).text]) expect(text).not.toContain(secret);
    for (const file of ["heddle.db", "heddle.db-wal"])
      expect(readFileSync(join(data, file)).includes(secret)).toBe(false);
  });

  test("is worth nothing with another secret, after its end, or revoked; so are the sessions that it opened", async () => {
    const token = await tokenFor("shop", "ended", ["view"]);
    const [head, id, secret = ""] = token.split(".");
    const other = `${head}.${id}.${secret.startsWith("A") ? "B" : "A"}${secret.slice(1)}`;
    expect((await send("/api/v1/whoami", { token: other })).status).toBe(401);
    const { code } = (await send("/api/v1/session-codes", { token, body: {} })).json();
    const opened = await send("/api/v1/session", { body: { code }, headers: {} });
    const headers = { cookie: opened.headers.get("set-cookie")?.split(";")[0] ?? "" };
    expect((await send("/api/v1/whoami", { headers })).json().actor).toBe("api-token:shop/ended");
    expect((await send(`/api/v1/api-tokens/${id}`, { method: "DELETE" })).status).toBe(204);
    expect((await send("/api/v1/whoami", { token })).status).toBe(401);
    expect((await send("/api/v1/whoami", { headers })).status).toBe(401);
  });

  test("cannot end the sessions of others by opening many", async () => {
    const open = async (token: string) => {
      const { code } = (await send("/api/v1/session-codes", { token, body: {} })).json();
      const opened = await send("/api/v1/session", { body: { code }, headers: {} });
      return { cookie: opened.headers.get("set-cookie")?.split(";")[0] ?? "" };
    };
    const others = await open(admin);
    const token = await tokenFor("shop", "many", []);
    const first = await open(token);
    for (let n = 0; n < 33; n++) await open(token);
    expect((await send("/api/v1/whoami", { headers: others })).status).toBe(200);
    expect((await send("/api/v1/whoami", { headers: first })).status).toBe(401);
  });

  test("has a name of its own", async () => {
    await tokenFor("shop", "twice", []);
    const again = await send("/api/v1/api-tokens", { body: { namespace: "shop", name: "twice" } });
    expect([again.status, again.json().problems[0].code]).toEqual([409, "HDL_API_TOKEN"]);
  });

  test("gets more by a role, from the next request on, and loses it with the role", async () => {
    const token = await tokenFor("shop", "promoted", []);
    expect((await send("/api/v1/resources", { token })).status).toBe(403);
    await apply([role("bank", "view", "apiToken: shop/promoted")]);
    expect((await send("/api/v1/resources/AuthorizationPolicy/deny?namespace=bank", { token })).status).toBe(200);
    await send("/api/v1/resources/AdminRole/given?namespace=bank", { method: "DELETE" });
    expect((await send("/api/v1/resources", { token })).status).toBe(403);
  });

  test("is good after a restart", async () => {
    const token = await tokenFor("shop", "kept", ["view"]);
    await server.stop();
    await start();
    expect((await send("/api/v1/whoami", { token })).json()).toMatchObject({
      actor: "api-token:shop/kept",
      grants: [{ verbs: ["view"], namespace: "shop" }],
    });
  });
});

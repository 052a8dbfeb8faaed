import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { valueOrThrow } from "#model";
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "../index.ts";

const directory = mkdtempSync(join(tmpdir(), "heddle-rest-"));
const consoleDirectory = join(directory, "console");
let server: ControlPlane;
let token = "";

function options(dataDirectory: string): ControlPlaneOptions {
  const anywhere = { address: "127.0.0.1", port: 0 };
  return {
    dataDirectory,
    api: anywhere,
    agents: anywhere,
    trustDomain: "shop.example",
    consoleDirectory,
    version: "1",
    log: () => {},
  };
}

beforeAll(async () => {
  await Bun.write(join(consoleDirectory, "index.html"), "<title>map</title>");
  server = valueOrThrow(await startControlPlane(options(join(directory, "data"))));
  token = JSON.parse(readFileSync(join(directory, "data/admin.json"), "utf8")).token;
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

interface Sent {
  readonly body?: unknown;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function send(path: string, { body, method, headers }: Sent = {}) {
  const response = await fetch(server.url + path, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(headers ?? { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
}

const policy = (name: string, extra = ""): string =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: ${name}, namespace: shop }\nspec: { action: ALLOW${extra} }\n`;
const apply = (text: string, dryRun = false) =>
  send("/api/v1/apply", { body: { files: [{ file: "p.yaml", text }], dryRun } });

describe("the API", () => {
  test("keeps its credential to its owner", () => {
    expect(statSync(join(directory, "data/admin.json")).mode & 0o077).toBe(0);
    expect(token.length).toBeGreaterThan(40);
  });

  test.each([
    "/api/v1/resources",
    "/api/v1/workloads",
    "/api/v1/tokens",
    "/api/v1/graph?window=30s",
    "/metrics",
    "/api/v1/audit",
  ])("asks for a credential at %s", async (path) => {
    expect((await send(path, { headers: {} })).status).toBe(401);
    expect((await send(path)).status).toBe(200);
  });

  test("applies, shows, tells history and deletes", async () => {
    const created = await apply(`${policy("a")}---\n${policy("b")}`);
    expect(created.json().changes.map(({ action }: { action: string }) => action)).toEqual(["created", "created"]);
    const shown = (await send("/api/v1/resources/authorizationpolicies/a?namespace=shop")).json();
    expect(shown.resources[0]).toMatchObject({ kind: "AuthorizationPolicy", spec: { action: "ALLOW" } });
    expect((await send("/api/v1/resources/AuthorizationPolicy/a?namespace=shop", { method: "DELETE" })).status).toBe(
      200,
    );
    expect((await send("/api/v1/resources?kind=authorizationpolicy")).json().resources.length).toBe(1);
    const history = (await send("/api/v1/history?limit=2")).json().changes;
    expect(history[0]).toMatchObject({ name: "a", action: "deleted", actor: "admin", after: "" });
  });

  test("deletes under guard what nobody needs", async () => {
    await apply(policy("spare"));
    const path = "/api/v1/resources/AuthorizationPolicy/spare?namespace=shop";
    expect((await send(`${path}&guard=9w`, { method: "DELETE" })).status).toBe(400);
    expect((await send(`${path}&guard=7d&allow=undecided`, { method: "DELETE" })).status).toBe(200);
    expect((await send(`${path}&guard=7d`, { method: "DELETE" })).status).toBe(404);
  });

  test("changes nothing in a dry run or when one of many is wrong", async () => {
    const before = (await send("/api/v1/resources")).json().revision;
    expect((await apply(policy("c"), true)).json().changes[0].action).toBe("created");
    const refused = await apply(`${policy("d")}---\n${policy("e", ", when: []")}`);
    expect(refused.status).toBe(422);
    expect(refused.json().problems[0]).toMatchObject({
      code: "HDL_MANIFEST_INVALID",
      at: { file: "p.yaml", line: 9, field: "spec.when" },
    });
    expect((await send("/api/v1/resources")).json().revision).toBe(before);
  });

  test("says what is wrong in one form", async () => {
    const cases = [
      await send("/api/v1/resources/Servce/x"),
      await send("/api/v1/resources/Service/x"),
      await send("/api/v1/apply", { body: { files: "no" } }),
      await send("/api/v1/nothing"),
    ];
    expect(cases.map(({ status }) => status)).toEqual([422, 404, 400, 404]);
    for (const each of cases) expect(each.json().problems[0]).toHaveProperty("next");
  });

  test("makes tokens that are shown once and audited", async () => {
    const made = (
      await send("/api/v1/tokens", { body: { allowed: [{ namespace: "shop", serviceAccount: "cart" }] } })
    ).json();
    expect(made.token).toStartWith("hjt1.");
    const listed = await send("/api/v1/tokens");
    expect(listed.text).not.toContain(made.token);
    expect(listed.json().tokens[0]).toMatchObject({ id: made.id, isUsed: false, createdBy: "admin" });
    expect((await send(`/api/v1/tokens/${made.id}`, { method: "DELETE" })).status).toBe(204);
    const trail = (await send("/api/v1/audit")).json().entries.map(({ action }: { action: string }) => action);
    expect(trail.slice(0, 2)).toEqual(["token-revoked", "token-created"]);
  });

  test("opens one session by a code, and the session cannot be used by another page", async () => {
    const { code } = (await send("/api/v1/session-codes", { body: {} })).json();
    const opened = await send("/api/v1/session", { body: { code }, headers: {} });
    expect(opened.status).toBe(204);
    const cookie = opened.headers.get("set-cookie") ?? "";
    expect(cookie).toContain("HttpOnly; SameSite=Strict");
    const headers = { cookie: cookie.split(";")[0] ?? "" };
    expect((await send("/api/v1/workloads", { headers })).status).toBe(200);
    expect((await send("/api/v1/session-codes", { headers, body: {} })).status).toBe(403);
    expect(
      (await send("/api/v1/session-codes", { headers: { ...headers, "x-heddle-request": "1" }, body: {} })).status,
    ).toBe(200);
    expect((await send("/api/v1/session", { body: { code }, headers: {} })).status).toBe(401);
    const trail = (await send("/api/v1/audit")).json().entries;
    const written = trail.slice(0, 2).map(({ actor, action }: Record<string, string>) => `${actor} ${action}`);
    expect(written).toEqual(["127.0.0.1 credential-refused", "admin session-opened"]);
    expect(JSON.stringify(trail)).not.toContain(code);
  });

  test("serves the console with headers that keep others out, and describes itself", async () => {
    const page = await send("/", { headers: {} });
    expect(page.text).toContain("<title>map</title>");
    expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    const description = (await send("/openapi.json", { headers: {} })).json();
    expect(description.openapi).toBe("3.1.0");
    expect(Object.keys(description.paths)).toContain("/api/v1/apply");
  });

  test("makes guessing slow", async () => {
    const guesses = await Promise.all(
      Array.from({ length: 40 }, () => send("/api/v1/audit", { headers: { authorization: "Bearer wrong" } })),
    );
    expect(guesses.some(({ status }) => status === 429)).toBe(true);
    const trail = await send("/api/v1/audit");
    const refused = trail.json().entries.filter(({ action }: { action: string }) => action === "credential-refused");
    expect(refused[0]).toMatchObject({ actor: "127.0.0.1", detail: "GET /api/v1/audit" });
    expect(refused.length).toBeLessThan(30);
    expect(trail.text).not.toContain("wrong");
  });
});

test("a damaged database is told and left as it is", async () => {
  const data = join(directory, "damaged");
  const first = valueOrThrow(await startControlPlane(options(data)));
  await first.stop();
  writeFileSync(join(data, "heddle.db"), "not a database ".repeat(1000));
  const again = await startControlPlane(options(data));
  expect(again.ok ? "" : again.problems[0].code).toBe("HDL_ENGINE_DATABASE_CORRUPT");
  expect(readFileSync(join(data, "heddle.db"), "utf8")).toStartWith("not a database");
});

test("an audit log that was changed in the file is told at the next start", async () => {
  const data = join(directory, "tampered");
  const told: object[] = [];
  const start = () =>
    startControlPlane({
      ...options(data),
      log: (level, _, fields = {}) => void (level === "error" && told.push(fields)),
    });
  const first = valueOrThrow(await start());
  await fetch(`${first.url}/api/v1/audit`, { headers: { authorization: "Bearer wrong" } });
  await first.stop();
  expect(told).toEqual([]);
  const file = new Database(join(data, "heddle.db"));
  file.exec("DROP TRIGGER audit_keeps; UPDATE audit SET actor = '192.0.2.1'");
  file.close();
  const second = valueOrThrow(await start());
  await second.stop();
  expect(told).toEqual([{ fault: "entry 1 was changed: its content does not make its hash" }]);
});

test("resources and credential are the same after a restart", async () => {
  const data = join(directory, "restarted");
  const read = async (url: string) => {
    const { token: bearer } = JSON.parse(readFileSync(join(data, "admin.json"), "utf8"));
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
    return {
      bearer,
      resources: async () =>
        (
          (await (await fetch(`${url}/api/v1/resources`, { headers })).json()) as {
            resources: { metadata: { name: string } }[];
          }
        ).resources,
      headers,
    };
  };
  const first = valueOrThrow(await startControlPlane(options(data)));
  const before = await read(first.url);
  const body = JSON.stringify({ files: [{ file: "p.yaml", text: policy("kept") }] });
  await fetch(`${first.url}/api/v1/apply`, { method: "POST", headers: before.headers, body });
  await first.stop();
  const second = valueOrThrow(await startControlPlane(options(data)));
  const after = await read(second.url);
  expect(after.bearer).toBe(before.bearer);
  expect((await after.resources())[0]?.metadata.name).toBe("kept");
  await second.stop();
});

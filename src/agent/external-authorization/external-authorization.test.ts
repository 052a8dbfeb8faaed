import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { NamedProvider } from "#model";
import { operationMatch, type RuleSet, ruleOf, ruleSetOf, sourceMatch } from "#policy";
import { type CheckRequest, CheckRequestSchema, CheckResponseSchema } from "#proto";
import {
  authority,
  echo,
  pair,
  raw,
  type Settings,
  startApp,
  startServerSide,
  stopAll,
  stops,
} from "../../../test/fakes/proxy-pair.ts";
import { limitSet } from "../../../test/fakes/rate-limits.ts";
import { signingIssuer, tokenRule } from "../../../test/fakes/token-issuer.ts";
import { Authorizers } from "./authorizers.ts";

afterEach(stopAll);

const ref = (name: string): RuleSet["ref"] => ({ kind: "AuthorizationPolicy", namespace: "shop", name });
const LABEL = "AuthorizationPolicy/shop/ask";
const to = (...paths: string[]) => ruleOf({ to: [operationMatch({ paths })] });
const custom = ruleSetOf({ ref: ref("ask"), action: "CUSTOM", provider: "gate", rules: [to("/asked*")] });

function provider(
  protocol: NamedProvider["protocol"],
  port: number,
  change: Partial<NamedProvider> = {},
): NamedProvider {
  return {
    name: "gate",
    protocol,
    url: `http://127.0.0.1:${port}`,
    caCertificates: "",
    timeoutMs: 500,
    isFailOpen: false,
    statusOnError: 403,
    body: undefined,
    headers: { inCheck: [], additional: [], upstreamOnAllow: [], downstreamOnAllow: [], downstreamOnDeny: [] },
    ...change,
  };
}

function authorizersOf(...providers: NamedProvider[]) {
  const authorizers = new Authorizers();
  stops.push(() => authorizers.stop());
  return authorizers.of(providers);
}

interface Asked {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An authorizer over HTTP that remembers what it was asked. */
async function httpGate(answer: (asked: Asked, response: ServerResponse) => unknown) {
  const asked: Asked[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const part of request) body += String(part);
    const each = { line: `${request.method} ${request.url}`, headers: request.headers, body };
    asked.push(each);
    await answer(each, response);
    if (!response.writableEnded) response.end();
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, port: (server.address() as AddressInfo).port };
}

type Answer = MessageInitShape<typeof CheckResponseSchema>;

/** The same over gRPC, by another implementation of it. */
async function grpcGate(answer: (asked: CheckRequest) => Answer | Promise<Answer>) {
  const asked: CheckRequest[] = [];
  const server = new Server();
  const check = {
    path: "/envoy.service.auth.v3.Authorization/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: CheckRequest) => Buffer.from(toBinary(CheckRequestSchema, value)),
    requestDeserialize: (bytes: Buffer) => fromBinary(CheckRequestSchema, bytes),
    responseSerialize: (value: Answer) =>
      Buffer.from(toBinary(CheckResponseSchema, create(CheckResponseSchema, value))),
    responseDeserialize: (bytes: Buffer) => fromBinary(CheckResponseSchema, bytes),
  } as const;
  server.addService(
    { check },
    {
      check(call: { request: CheckRequest }, done: (error: Error | null, value?: Answer) => void) {
        asked.push(call.request);
        Promise.resolve(answer(call.request)).then(
          (value) => done(null, value),
          (error: Error) => done(error),
        );
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  stops.push(() => server.forceShutdown());
  return { asked, port };
}

interface Told {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function call(settings: Settings, path = "/asked", init: RequestInit = {}) {
  const { server, url } = await pair(echo, { policies: [custom], ...settings });
  const answer = await fetch(`${url}${path}`, { redirect: "manual", ...init });
  const text = await answer.text();
  const [sample] = server.recorder.takeBatch(Date.now())?.samples ?? [];
  return { answer, text, sample, told: answer.status === 200 ? (JSON.parse(text) as Told) : undefined };
}

describe("an authorizer over HTTP", () => {
  test("sees method, path, host and chosen headers, and lets pass with 200", async () => {
    const gate = await httpGate(() => undefined);
    const headers = {
      ...provider("http", 0).headers,
      inCheck: ["cookie", "x-team-*"],
      additional: [{ name: "x-mesh", value: "shop" }],
    };
    const authorizers = authorizersOf(
      provider("http", gate.port, { url: `http://127.0.0.1:${gate.port}/check`, headers }),
    );
    const sent = { cookie: "a=b", "x-team-id": "7", "x-secret": "s", host: "back.example" };
    const { told, sample } = await call({ authorizers }, "/asked/1?x=y", {
      method: "POST",
      body: "hello",
      headers: sent,
    });
    expect(gate.asked).toHaveLength(1);
    expect(gate.asked[0]).toMatchObject({
      line: "POST /check/asked/1?x=y",
      body: "",
      headers: { cookie: "a=b", "x-team-id": "7", "x-mesh": "shop", host: "back.example" },
    });
    expect(gate.asked[0]?.headers["x-secret"]).toBeUndefined();
    expect([told?.url, told?.body]).toEqual(["/asked/1?x=y", "hello"]);
    expect(sample).toMatchObject({ verdict: "allow", endReason: "completed" });
  });

  test("is not asked about what no CUSTOM rule means", async () => {
    const gate = await httpGate((_asked, response) => response.writeHead(403));
    expect((await call({ authorizers: authorizersOf(provider("http", gate.port)) }, "/other")).answer.status).toBe(200);
    expect(gate.asked).toEqual([]);
  });

  test("denies in its own words", async () => {
    const gate = await httpGate((_asked, response) => {
      response.writeHead(302, {
        location: "https://login.example/",
        "x-why": "no session",
        "x-heddle-reason": "completed",
        server: "gate",
      });
      response.end("<a>log in</a>");
    });
    const { answer, text, sample } = await call({ authorizers: authorizersOf(provider("http", gate.port)) });
    expect([answer.status, text]).toEqual([302, "<a>log in</a>"]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      location: "https://login.example/",
      "x-why": "no session",
      "x-heddle-reason": "external-denied",
      "x-heddle-flags": "UAEX",
      "x-heddle-policy": `${LABEL}: denied by gate`,
      server: "heddle",
    });
    expect(sample).toMatchObject({
      status: 302,
      endReason: "external-denied",
      verdict: "deny",
      policy: `${LABEL}: denied by gate`,
    });
  });

  test("tells a denied caller only the headers that are chosen", async () => {
    const gate = await httpGate((_asked, response) =>
      response.writeHead(401, { "www-authenticate": "Basic", "x-why": "a", "x-inner": "b" }),
    );
    const headers = { ...provider("http", 0).headers, downstreamOnDeny: ["x-why"] };
    const { answer } = await call({ authorizers: authorizersOf(provider("http", gate.port, { headers })) });
    expect([
      answer.status,
      answer.headers.get("www-authenticate"),
      answer.headers.get("x-why"),
      answer.headers.get("x-inner"),
    ]).toEqual([401, "Basic", "a", null]);
  });

  test("says who asks: the app gets its headers and never the caller's, the caller gets what is chosen", async () => {
    const gate = await httpGate(({ line }, response) => {
      if (line.endsWith("/known")) response.setHeader("x-user", "ada");
      response.setHeader("set-cookie", ["s=1", "t=2"]);
      response.setHeader("x-envoy-auth-headers-to-remove", "x-ticket, host");
      response.setHeader("x-forwarded-client-cert", "By=me");
    });
    const headers = {
      ...provider("http", 0).headers,
      upstreamOnAllow: ["x-user", "x-role*"],
      downstreamOnAllow: ["set-cookie"],
    };
    const authorizers = authorizersOf(provider("http", gate.port, { headers }));
    const sent = {
      "x-user": "root",
      x_user: "root",
      "x-role-a": "admin",
      x_role_b: "admin",
      "x-ticket": "t",
      "x-other": "o",
    };
    const known = await call({ authorizers }, "/asked/known", { headers: sent });
    const { "x-user": user, "x-role-a": role, "x-ticket": ticket, "x-other": other, host } = known.told?.headers ?? {};
    expect([user, role, ticket, other, host === undefined]).toEqual(["ada", undefined, undefined, "o", false]);
    expect(known.told?.headers["x-forwarded-client-cert"]).toContain("URI=spiffe://");
    expect(known.answer.headers.getSetCookie()).toEqual(["s=1", "t=2"]);
    const unknown = await call({ authorizers }, "/asked/unknown", { headers: sent });
    expect(unknown.told?.headers["x-user"]).toBeUndefined();
    for (const { told } of [known, unknown]) expect(JSON.stringify(told?.headers)).not.toMatch(/root|admin/);
  });

  test("is shown a path to the letter, so that it judges what the app gets", async () => {
    const gate = await httpGate(() => undefined);
    const all = ruleSetOf({ ref: ref("ask"), action: "CUSTOM", provider: "gate", rules: [ruleOf()] });
    const { client } = await pair(echo, { policies: [all], authorizers: authorizersOf(provider("http", gate.port)) });
    const paths = ["/admin/../public", "//admin", "/%2e%2e/admin", "/a%2fb?c='", "/Admin.", "/a;b=/../c"];
    for (const path of paths) {
      const answer = await raw(client.port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
      expect(answer).toContain(`"url":${JSON.stringify(path)}`);
    }
    expect(gate.asked.map(({ line }) => line)).toEqual(paths.map((path) => `GET ${path}`));
  });

  test("may not be asked about bytes without HTTP, which are denied even where failures pass", async () => {
    const gate = await httpGate(() => undefined);
    const all = ruleSetOf({ ref: ref("ask"), action: "CUSTOM", provider: "gate", rules: [ruleOf()] });
    const authorizers = authorizersOf(provider("http", gate.port, { isFailOpen: true }));
    const { client } = await pair(echo, { policies: [all], authorizers, protocol: "tcp" });
    expect(await raw(client.port, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).not.toContain("200 OK");
    expect(gate.asked).toEqual([]);
  });
});

describe("an authorizer that is asked in vain", () => {
  const cases: [string, (response: ServerResponse) => unknown][] = [
    ["does not answer in time", () => Bun.sleep(1500)],
    ["fails", (response) => response.writeHead(500)],
    ["hangs up", (response) => response.destroy()],
    ["answers without end", (response) => response.write("x".repeat(100_000))],
  ];
  test.each(cases)("that %s denies, and says so", async (_name, answer) => {
    const gate = await httpGate((_asked, response) => answer(response));
    const { answer: got, sample } = await call({
      authorizers: authorizersOf(provider("http", gate.port, { timeoutMs: 300, statusOnError: 503 })),
    });
    const policy = `${LABEL}: the external authorizer gate could not be asked`;
    expect([got.status, got.headers.get("x-heddle-reason"), got.headers.get("x-heddle-policy")]).toEqual([
      503,
      "external-unavailable",
      policy,
    ]);
    expect(sample).toMatchObject({ verdict: "deny", endReason: "external-unavailable", policy });
  });

  test("lets pass where that is said, and the flow tells it; all other policies hold", async () => {
    const deny = ruleSetOf({ ref: ref("never"), action: "DENY", rules: [to("/asked/never")] });
    const settings = {
      policies: [custom, deny],
      authorizers: authorizersOf(provider("http", 1, { isFailOpen: true })),
    };
    const { answer, sample } = await call(settings);
    expect(answer.status).toBe(200);
    expect(sample?.audits).toEqual([`${LABEL}: the external authorizer gate could not be asked`]);
    expect((await call(settings, "/asked/never")).answer.headers.get("x-heddle-policy")).toBe(
      "AuthorizationPolicy/shop/never",
    );
  });

  test("denies where policies name two, of which nobody could say who decides", async () => {
    const gate = await httpGate(() => undefined);
    const other = ruleSetOf({ ref: ref("other"), action: "CUSTOM", provider: "door", rules: [to("/elsewhere")] });
    const { answer } = await call({
      policies: [custom, other],
      authorizers: authorizersOf(provider("http", gate.port)),
    });
    expect(answer.headers.get("x-heddle-policy")).toBe(
      `${LABEL}: a workload asks one external authorizer, and its policies name gate, door`,
    );
    expect([answer.status, gate.asked.length]).toEqual([403, 0]);
  });

  test("denies where it is not known", async () => {
    const { answer } = await call({ authorizers: new Map() });
    expect([answer.status, answer.headers.get("x-heddle-reason")]).toEqual([403, "policy-denied"]);
  });

  test("cannot be asked by more than so many at once", async () => {
    const gate = await httpGate(() => Bun.sleep(300));
    const authorizers = authorizersOf(provider("http", gate.port, { timeoutMs: 2000 }));
    const { url } = await pair(echo, { policies: [custom], authorizers, limits: { checksMax: 3 } });
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await fetch(`${url}/asked`)).status));
    expect(statuses.sort()).toEqual([200, 200, 200, 403, 403, 403, 403, 403]);
    expect((await fetch(`${url}/asked`)).status).toBe(200);
  });

  test("is left alone once the caller has gone", async () => {
    const gone = Promise.withResolvers<void>();
    const gate = await httpGate((_asked, response) => {
      response.on("close", () => gone.resolve());
      return Bun.sleep(3000);
    });
    const { url } = await pair(echo, {
      policies: [custom],
      authorizers: authorizersOf(provider("http", gate.port, { timeoutMs: 10_000 })),
    });
    const abort = new AbortController();
    const asked = fetch(`${url}/asked`, { signal: abort.signal }).catch(() => undefined);
    while (gate.asked.length === 0) await Bun.sleep(5);
    abort.abort();
    await asked;
    await gone.promise;
  });
});

describe("what comes after the authorizer", () => {
  test("DENY and ALLOW hold, by the headers that it set; so do limits", async () => {
    const gate = await httpGate((_asked, response) => response.setHeader("x-user", "ada"));
    const headers = { ...provider("http", 0).headers, upstreamOnAllow: ["x-user"] };
    const authorizers = authorizersOf(provider("http", gate.port, { headers }));
    const when = [{ key: "request.headers[x-user]", values: ["ada"], notValues: [] }];
    const allow = ruleSetOf({ ref: ref("ada"), action: "ALLOW", rules: [ruleOf({ when })] });
    const deny = ruleSetOf({ ref: ref("never"), action: "DENY", rules: [to("/asked/never")] });
    const policies = [custom, allow, deny];
    expect((await call({ policies, authorizers })).answer.status).toBe(200);
    expect((await call({ policies, authorizers }, "/asked/never")).answer.status).toBe(403);
    expect((await call({ policies, authorizers }, "/other", { headers: { "x-user": "eve" } })).answer.status).toBe(403);
    const rateLimits = [limitSet({ requests: 1, burst: 1, perMs: 3_600_000 })];
    const { url } = await pair(echo, { policies, authorizers, rateLimits });
    expect([(await fetch(`${url}/asked`)).status, (await fetch(`${url}/asked`)).status]).toEqual([200, 429]);
  });

  test("each request of a connection waits for its own answer", async () => {
    const gate = await httpGate(async ({ line }, response) => {
      const number = Number(line.split("/").at(-1));
      await Bun.sleep((number * 37) % 50);
      if (number % 3 === 0) response.writeHead(403);
      else response.setHeader("x-user", `u${number}`);
    });
    const headers = { ...provider("http", 0).headers, upstreamOnAllow: ["x-user"] };
    const { url } = await pair(echo, {
      policies: [custom],
      authorizers: authorizersOf(provider("http", gate.port, { headers })),
    });
    const told = await Promise.all(
      Array.from({ length: 30 }, async (_, number) => {
        const answer = await fetch(`${url}/asked/${number}`, { method: "POST", body: `b${number}` });
        if (answer.status !== 200) return answer.status;
        const { headers: got, body } = (await answer.json()) as Told;
        return `${got["x-user"]} ${body}`;
      }),
    );
    expect(told).toEqual(told.map((_, number) => (number % 3 === 0 ? 403 : `u${number} b${number}`)));
  });

  test("claims of a token hold across the wait", async () => {
    const id = signingIssuer();
    const gate = await httpGate(() => Bun.sleep(10));
    const known = ruleSetOf({
      ref: ref("known"),
      action: "ALLOW",
      rules: [ruleOf({ from: [sourceMatch({ requestPrincipals: ["*/ada"] })] })],
    });
    const { url } = await pair(echo, {
      policies: [custom, known],
      tokens: [tokenRule(id)],
      authorizers: authorizersOf(provider("http", gate.port)),
    });
    const status = async (sub: string): Promise<number> =>
      (await fetch(`${url}/asked`, { headers: { authorization: `Bearer ${id.token({ sub })}` } })).status;
    const statuses = await Promise.all(["ada", "bob", "ada", "bob", "ada"].map(status));
    expect(statuses).toEqual([200, 403, 200, 403, 200]);
  });
});

describe("the body", () => {
  const shown = (change = {}) => ({ bytesMax: 10, isPartialAllowed: false, isRaw: false, ...change });

  test.each<[string, number, boolean, number, string, string]>([
    ["whole", 10, false, 200, "x".repeat(10), "false"],
    ["in part, where that is allowed", 200_000, true, 200, "x".repeat(10), "true"],
  ])("is shown %s, and the app gets all of it", async (_name, bytes, isPartialAllowed, status, seen, isPartial) => {
    const gate = await httpGate(() => Bun.sleep(20));
    const authorizers = authorizersOf(provider("http", gate.port, { body: shown({ isPartialAllowed }) }));
    const { answer, told } = await call({ authorizers }, "/asked", { method: "POST", body: "x".repeat(bytes) });
    expect([answer.status, told?.body.length]).toEqual([status, bytes]);
    expect([gate.asked[0]?.body, gate.asked[0]?.headers["x-envoy-auth-partial-body"]]).toEqual([seen, isPartial]);
  });

  test("is refused where it is longer than is shown, without a question", async () => {
    const gate = await httpGate(() => undefined);
    const authorizers = authorizersOf(provider("http", gate.port, { body: shown() }));
    const { answer } = await call({ authorizers }, "/asked", { method: "POST", body: "x".repeat(11) });
    expect([answer.status, answer.headers.get("x-heddle-reason"), gate.asked.length]).toEqual([
      413,
      "external-denied",
      0,
    ]);
  });

  test("that is large and comes while the authorizer thinks is held back, and then arrives whole", async () => {
    const gate = await httpGate(() => Bun.sleep(200));
    const { told } = await call({ authorizers: authorizersOf(provider("http", gate.port)) }, "/asked", {
      method: "POST",
      body: "y".repeat(3_000_000),
    });
    expect(told?.body.length).toBe(3_000_000);
  });

  test("of a caller in the clear, and of one in the mesh, is waited for as far as it is shown", async () => {
    const gate = await grpcGate(() => ({ status: { code: 0 } }));
    const body = { bytesMax: 60_000, isPartialAllowed: true, isRaw: false };
    const authorizers = authorizersOf(provider("grpc", gate.port, { body }));
    const app = await startApp(echo);
    const { port } = startServerSide(app.port, { policies: [custom], authorizers, mtls: "PERMISSIVE" });
    const mesh = await pair(echo, { policies: [custom], authorizers });
    for (const url of [`http://127.0.0.1:${port}`, mesh.url]) {
      const answer = await fetch(`${url}/asked`, { method: "POST", body: "z".repeat(500_000) });
      expect(((await answer.json()) as Told).body.length).toBe(500_000);
    }
    expect(gate.asked.map(({ attributes }) => attributes?.request?.http?.body.length)).toEqual([60_000, 60_000]);
    expect(gate.asked.map(({ attributes }) => attributes?.source?.principal !== "")).toEqual([false, true]);
  });

  test("of a request that has none is empty", async () => {
    const gate = await httpGate(() => undefined);
    expect(
      (await call({ authorizers: authorizersOf(provider("http", gate.port, { body: shown() })) })).answer.status,
    ).toBe(200);
    expect(gate.asked[0]?.body).toBe("");
  });
});

describe("an authorizer over gRPC", () => {
  const ok = (value: object): Answer =>
    ({ status: { code: 0 }, httpResponse: { case: "okResponse", value } }) as Answer;

  test("sees who calls whom and the whole head", async () => {
    const gate = await grpcGate(() => ({ status: { code: 0 } }));
    const { answer } = await call({ authorizers: authorizersOf(provider("grpc", gate.port)) }, "/asked?x=y", {
      headers: { cookie: "a=b", "x-a": "1" },
    });
    expect(answer.status).toBe(200);
    const { attributes } = gate.asked[0] ?? {};
    expect(attributes?.source?.principal).toBe(authority.identity("shop/front").spiffeId.uri);
    expect(attributes?.destination?.principal).toBe(authority.identity("shop/back").spiffeId.uri);
    expect(attributes?.source?.address?.address.value).toMatchObject({ address: "127.0.0.1" });
    expect(attributes?.request?.http).toMatchObject({
      method: "GET",
      path: "/asked?x=y",
      headers: { ":path": "/asked?x=y", cookie: "a=b", "x-a": "1" },
    });
    expect(Object.keys(attributes?.request?.http?.headers ?? {}).filter((name) => name.startsWith("x-heddle"))).toEqual(
      [],
    );
  });

  test("sets, adds and removes headers of the request, and adds to the answer", async () => {
    const gate = await grpcGate(() =>
      ok({
        headers: [
          { header: { key: "X-User", value: "ada" } },
          { header: { key: "x-tag", value: "2" }, append: true },
          { header: { key: "x-bad", value: "a\r\nx-evil: 1" } },
          { header: { key: "x-heddle-spoken", value: "h2" } },
          { header: { key: "content-length", value: "999" } },
          { header: { key: ":path", value: "/admin" } },
        ],
        headersToRemove: ["X-Ticket", ":method", "host"],
        responseHeadersToAdd: [
          { header: { key: "x-seen", value: "yes" } },
          { header: { key: "x-heddle-reason", value: "overload" } },
        ],
      }),
    );
    const { told, answer } = await call({ authorizers: authorizersOf(provider("grpc", gate.port)) }, "/asked", {
      headers: { "x-user": "root", "x-tag": "1", "x-ticket": "t" },
    });
    expect(told?.headers).toMatchObject({ "x-user": "ada", "x-tag": "1, 2" });
    expect([
      told?.url,
      told?.headers["x-ticket"],
      told?.headers["x-bad"],
      told?.headers["x-evil"],
      told?.headers["content-length"],
    ]).toEqual(["/asked", undefined, undefined, undefined, undefined]);
    expect([answer.headers.get("x-seen"), answer.headers.get("x-heddle-reason")]).toEqual(["yes", null]);
  });

  test("denies in its own words, or in none", async () => {
    const said = await grpcGate(() => ({
      status: { code: 16 },
      httpResponse: {
        case: "deniedResponse",
        value: {
          status: { code: 401 },
          headers: [{ header: { key: "www-authenticate", value: "Gate" } }],
          body: "who?",
        },
      },
    }));
    const { answer, text } = await call({ authorizers: authorizersOf(provider("grpc", said.port)) });
    expect([answer.status, answer.headers.get("www-authenticate"), text]).toEqual([401, "Gate", "who?"]);
    const silent = await grpcGate(() => ({ status: { code: 7 } }));
    expect((await call({ authorizers: authorizersOf(provider("grpc", silent.port)) })).answer.status).toBe(403);
    const contradictory = await grpcGate(() => ({
      status: { code: 7 },
      httpResponse: { case: "okResponse", value: {} },
    }));
    expect((await call({ authorizers: authorizersOf(provider("grpc", contradictory.port)) })).answer.status).toBe(403);
  });

  test("is shown the body, as text or as bytes", async () => {
    const gate = await grpcGate(() => ({ status: { code: 0 } }));
    for (const isRaw of [false, true]) {
      const body = { bytesMax: 100, isPartialAllowed: false, isRaw };
      await call({ authorizers: authorizersOf(provider("grpc", gate.port, { body })) }, "/asked", {
        method: "POST",
        body: "hello",
      });
    }
    const [text, bytes] = gate.asked.map(({ attributes }) => attributes?.request?.http);
    expect([text?.body, text?.rawBody.length, bytes?.body, Buffer.from(bytes?.rawBody ?? []).toString()]).toEqual([
      "hello",
      0,
      "",
      "hello",
    ]);
  });

  test.each<[string, () => Answer | Promise<Answer>]>([
    ["fails", () => Promise.reject(new Error("broken"))],
    ["is late", () => Bun.sleep(1500).then(() => ({}))],
  ])("that %s denies", async (_name, answer) => {
    const gate = await grpcGate(answer);
    const { answer: got } = await call({ authorizers: authorizersOf(provider("grpc", gate.port, { timeoutMs: 300 })) });
    expect([got.status, got.headers.get("x-heddle-reason")]).toEqual([403, "external-unavailable"]);
  });

  test("that comes back is asked again", async () => {
    const first = await grpcGate(() => ({ status: { code: 0 } }));
    const { url } = await pair(echo, {
      policies: [custom],
      authorizers: authorizersOf(provider("grpc", 1, { timeoutMs: 300 })),
    });
    expect((await fetch(`${url}/asked`)).status).toBe(403);
    const other = await pair(echo, { policies: [custom], authorizers: authorizersOf(provider("grpc", first.port)) });
    for (let count = 0; count < 20; count++) expect((await fetch(`${other.url}/asked`)).status).toBe(200);
  });

  test("decides on bytes without HTTP too", async () => {
    const all = ruleSetOf({ ref: ref("ask"), action: "CUSTOM", provider: "gate", rules: [ruleOf()] });
    let code = 0;
    const gate = await grpcGate(() => ({ status: { code } }));
    const { client } = await pair(echo, {
      policies: [all],
      authorizers: authorizersOf(provider("grpc", gate.port)),
      protocol: "tcp",
    });
    const ask = (): Promise<string> => raw(client.port, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    expect(await ask()).toContain("200 OK");
    code = 7;
    expect(await ask()).not.toContain("200 OK");
    expect(gate.asked.map(({ attributes }) => attributes?.request?.http)).toEqual([undefined, undefined]);
  });
});

test("a question that is open is answered, though its authorizer has been exchanged meanwhile", async () => {
  const gate = await grpcGate(() => Bun.sleep(150).then(() => ({ status: { code: 0 } })));
  const authorizers = new Authorizers();
  stops.push(() => authorizers.stop());
  const settings = { policies: [custom], authorizers: authorizers.of([provider("grpc", gate.port)]) };
  const { url, server } = await pair(echo, settings);
  const asked = fetch(`${url}/asked`);
  while (gate.asked.length === 0) await Bun.sleep(5);
  server.update({ ...settings, authorizers: authorizers.of([provider("grpc", gate.port, { timeoutMs: 400 })]) });
  expect((await asked).status).toBe(200);
  expect((await fetch(`${url}/asked`)).status).toBe(200);
});

test("an authorizer that is as it was keeps its connections, and one that is not named lets go of them", async () => {
  const gate = await grpcGate(() => ({ status: { code: 0 } }));
  const authorizers = new Authorizers();
  stops.push(() => authorizers.stop());
  const first = authorizers.of([provider("grpc", gate.port)]);
  expect(authorizers.of([provider("grpc", gate.port)]).get("gate")).toBe(first.get("gate") as never);
  expect(authorizers.of([provider("grpc", gate.port, { timeoutMs: 5 })]).get("gate")).not.toBe(
    first.get("gate") as never,
  );
  expect(authorizers.of([]).size).toBe(0);
});

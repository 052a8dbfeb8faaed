import { afterEach, describe, expect, test } from "bun:test";
import { Agent, request } from "node:http";
import type { RuleSet } from "#policy";
import { operationMatch, ruleOf, ruleSetOf, sourceMatch } from "#policy";
import { echo, pair, raw, type Settings, stopAll, stops } from "../../test/fakes/proxy-pair.ts";
import { limitSet } from "../../test/fakes/rate-limits.ts";
import { hmacToken, signingIssuer, tokenRule } from "../../test/fakes/token-issuer.ts";

afterEach(stopAll);

const id = signingIssuer();
const people = tokenRule(id);
const ref: RuleSet["ref"] = { kind: "AuthorizationPolicy", namespace: "shop", name: "known" };
const allowing = (said: Parameters<typeof ruleOf>[0]): RuleSet =>
  ruleSetOf({ ref, action: "ALLOW", rules: [ruleOf(said)] });
const anybodyKnown = allowing({ from: [sourceMatch({ requestPrincipals: ["*"] })] });
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

interface Told {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function call(settings: Settings, headers: Record<string, string> = {}, path = "/a") {
  const { server, url } = await pair(echo, { tokens: [people], ...settings });
  const answer = await fetch(`${url}${path}`, { headers });
  const text = await answer.text();
  const [sample] = server.recorder.takeBatch(Date.now())?.samples ?? [];
  return { answer, text, sample, told: answer.status === 200 ? (JSON.parse(text) as Told) : undefined };
}

describe("one connection with several people behind it", () => {
  test("keeps nothing of a token for the request that follows", async () => {
    const tokens = [
      tokenRule(id, { output: { payloadHeader: "", claimHeaders: [{ header: "x-user", claim: "sub" }] } }),
    ];
    const { url } = await pair(echo, { tokens, policies: [anybodyKnown] });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    stops.push(() => agent.destroy());
    const ask = (headers: Record<string, string>): Promise<string> =>
      new Promise((resolve, reject) => {
        request(`${url}/a`, { agent, headers }, (answer) => {
          let body = "";
          answer.on("data", (chunk: Buffer) => {
            body += chunk;
          });
          answer.on("end", () =>
            resolve(
              answer.statusCode === 200
                ? ((JSON.parse(body) as Told).headers["x-user"] ?? "?")
                : `${answer.statusCode}`,
            ),
          );
        })
          .on("error", reject)
          .end();
      });
    const [ada, bob] = [bearer(id.token()), bearer(id.token({ sub: "bob" }))];
    const answers: string[] = [];
    for (const headers of [ada, {}, bob, {}, { authorization: "Bearer nonsense" }, {}, ada, { "x-user": "ada" }])
      answers.push(await ask(headers));
    expect(answers).toEqual(["ada", "403", "bob", "403", "401", "403", "ada", "403"]);
    expect(Object.values(agent.sockets).length + Object.values(agent.freeSockets).length).toBe(1);
  });

  test("tells requests apart that are under way at once", async () => {
    const { url, server } = await pair(echo, { tokens: [people], policies: [anybodyKnown] });
    const statuses = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const headers = index % 2 === 0 ? bearer(id.token({ sub: `u${index}` })) : {};
        return (await fetch(url, { headers })).status;
      }),
    );
    expect(statuses).toEqual(statuses.map((_, index) => (index % 2 === 0 ? 200 : 403)));
    expect(server.proxy.state().peerConnections).toBe(1);
  });
});

test("what was decided is recorded with what a token said, but without its subject", async () => {
  const { server, url } = await pair(echo, { tokens: [people], policies: [anybodyKnown] });
  for (const headers of [bearer(id.token()), {}, bearer("nonsense")]) await fetch(`${url}/orders/17?x=1`, { headers });
  const { decisions = [], edges = [] } = server.recorder.takeBatch(Date.now()) ?? {};
  expect(decisions).toMatchObject([
    { token: "verified", issuer: id.issuer, verdict: "allow", policy: "AuthorizationPolicy/shop/known", count: 1 },
    { token: "none", issuer: "", verdict: "deny", path: "/orders/{*}", method: "GET", detail: "whole" },
    { token: "refused", issuer: "", verdict: "deny", isExternal: false },
  ]);
  expect(decisions.map(({ edge }) => edges[edge]?.reporter)).toEqual(decisions.map(() => "destination"));
  expect(decisions[0]?.port).toBeGreaterThan(0);
});

describe("a request", () => {
  test("without a token passes, and is nobody's", async () => {
    expect((await call({})).answer.status).toBe(200);
    expect(await call({ policies: [anybodyKnown] })).toMatchObject({
      answer: { status: 403 },
      sample: { endReason: "policy-denied", policy: expect.stringContaining("default-deny") },
    });
  });

  test("with a valid token passes, and its token stays here", async () => {
    const { told, sample } = await call({ policies: [anybodyKnown] }, bearer(id.token()));
    expect(told?.headers["authorization"]).toBeUndefined();
    expect(sample).toMatchObject({ verdict: "allow", policy: "AuthorizationPolicy/shop/known" });
  });

  test("keeps its token where the rule says so", async () => {
    const headers = bearer(id.token());
    const { told } = await call({ tokens: [tokenRule(id, { isForwarded: true })] }, headers);
    expect(told?.headers["authorization"]).toBe(headers["authorization"] as string);
  });

  test("with an invalid token is refused as RFC 6750 says, by a reason of its own", async () => {
    const { answer, text, sample } = await call({}, bearer(id.token({ exp: 1000 })));
    expect(answer.status).toBe(401);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "www-authenticate": 'Bearer realm="heddle", error="invalid_token", error_description="The token has expired."',
      "x-heddle-reason": "token-invalid",
      "x-heddle-flags": "UAEX",
      "x-heddle-policy": people.label,
    });
    expect(text).toBe(`The request carries a token that is not valid here. Decided by: ${people.label}\n`);
    expect(sample).toMatchObject({ status: 401, endReason: "token-invalid", verdict: "deny", policy: people.label });
  });

  test("in gRPC is refused as unauthenticated", async () => {
    const { url } = await pair(echo, { tokens: [people] });
    const answer = await fetch(url, { headers: { ...bearer("x"), "content-type": "application/grpc" } });
    expect([answer.status, answer.headers.get("grpc-status")]).toEqual([200, "16"]);
  });

  test("that is refused never reaches the app, nor does its body", async () => {
    let reached = 0;
    const { url, server } = await pair(
      (_request, response) => {
        reached++;
        response.end();
      },
      { tokens: [people] },
    );
    const answer = await fetch(url, { method: "POST", body: "x".repeat(200_000), headers: bearer("x") });
    expect([answer.status, reached]).toEqual([401, 0]);
    expect((await fetch(url)).status).toBe(200);
    expect(server.proxy.state().peerConnections).toBe(1);
  });

  test("loses what a caller says in the headers that tell who asks, with a token and without", async () => {
    const output = {
      payloadHeader: "x-payload",
      claimHeaders: [
        { header: "x-user", claim: "sub" },
        { header: "x-role", claim: "role" },
      ],
    };
    const settings = { tokens: [tokenRule(id, { output })] };
    const spoofed = { "x-user": "root", "X-Role": "admin", "x-payload": "e30", "x-other": "kept", x_user: "root" };
    const anonymous = (await call(settings, spoofed)).told?.headers ?? {};
    expect([anonymous["x-user"], anonymous["x-role"], anonymous["x-payload"], anonymous["x-other"]]).toEqual([
      undefined,
      undefined,
      undefined,
      "kept",
    ]);
    const token = id.token();
    const known = (await call(settings, { ...spoofed, ...bearer(token) })).told?.headers ?? {};
    expect([known["x-user"], known["x-role"], known["x-payload"]]).toEqual(["ada", undefined, token.split(".")[1]]);
    // A program behind CGI's conventions would know it by the same name.
    for (const disguise of ["x_user", "X_User", "x_payload", "X_Role"]) {
      const headers = { [disguise]: "root" };
      for (const sent of [headers, { ...headers, ...bearer(token) }])
        expect(JSON.stringify((await call(settings, sent)).told?.headers)).not.toContain("root");
    }
  });

  test("in the query loses its token there, and policies and the app see the rest", async () => {
    const { told, sample } = await call({ policies: [anybodyKnown] }, {}, `/a?x=1&access_token=${id.token()}&y=2`);
    expect([told?.url, sample?.path]).toEqual(["/a?x=1&y=2", "/a"]);
  });

  test("follows a rule that changes while its connection is open", async () => {
    const { url, server } = await pair(echo, { tokens: [people] });
    const next = signingIssuer(id.issuer, { kid: "k2" });
    const [old, fresh] = [id.token(), next.token()];
    const status = async (token: string): Promise<number> => (await fetch(url, { headers: bearer(token) })).status;
    expect([await status(old), await status(fresh)]).toEqual([200, 401]);
    server.update({ tokens: [tokenRule(id, { jwks: JSON.stringify({ keys: [id.jwk, next.jwk] }) })] });
    expect([await status(old), await status(fresh)]).toEqual([200, 200]);
    server.update({ tokens: [tokenRule(next)] });
    expect([await status(old), await status(fresh)]).toEqual([401, 200]);
  });

  test("of bytes without HTTP carries no token, and is nobody's", async () => {
    const { client } = await pair(echo, { tokens: [people], policies: [anybodyKnown], protocol: "tcp" });
    expect(
      await raw(client.port, `GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${id.token()}\r\n\r\n`),
    ).not.toContain("200 OK");
  });
});

describe("policies that ask for more", () => {
  const with_ = async (policy: RuleSet, claims: Record<string, unknown>): Promise<number> =>
    (await call({ policies: [policy] }, bearer(id.token(claims)))).answer.status;
  const when = (key: string, ...values: string[]): RuleSet => allowing({ when: [{ key, values, notValues: [] }] });

  test.each<[string, RuleSet, Record<string, unknown>, Record<string, unknown>]>([
    [
      "a principal",
      allowing({ from: [sourceMatch({ requestPrincipals: ["https://id.example/ada"] })] }),
      {},
      { sub: "eve" },
    ],
    ["a claim", when("request.auth.claims[role]", "admin"), { role: "admin" }, { role: "user" }],
    ["a nested claim", when("request.auth.claims[org][id]", "7"), { org: { id: "7" } }, { org: "7" }],
    ["one of a list", when("request.auth.claims[groups]", "ops"), { groups: ["dev", "ops"] }, { groups: ["dev"] }],
    ["an audience", when("request.auth.audiences", "shop"), { aud: ["web", "shop"] }, { aud: "web" }],
    ["a presenter", when("request.auth.presenter", "cli"), { azp: "cli" }, {}],
    ["an expression", allowing({ expression: 'claims.level > 2 && method == "GET"' }), { level: 3 }, { level: 1 }],
  ])("%s", async (_name, policy, right, wrong) => {
    expect([await with_(policy, right), await with_(policy, wrong)]).toEqual([200, 403]);
  });

  test("a DENY of requests without a principal", async () => {
    const deny = ruleSetOf({
      ref,
      action: "DENY",
      rules: [ruleOf({ from: [sourceMatch({ notRequestPrincipals: ["*"] })] })],
    });
    expect((await call({ policies: [deny] })).answer.status).toBe(403);
    expect(await with_(deny, {})).toBe(200);
  });

  test("a limit for each person, by a header that only the agent writes", async () => {
    const output = { payloadHeader: "", claimHeaders: [{ header: "x-user", claim: "sub" }] };
    const rateLimits = [limitSet({ requests: 1, burst: 1, perMs: 3_600_000, by: { kind: "header", name: "x-user" } })];
    const { url } = await pair(echo, { tokens: [tokenRule(id, { output })], rateLimits });
    const status = async (sub: string, said: string): Promise<number> =>
      (await fetch(url, { headers: { ...bearer(id.token({ sub })), "x-user": said } })).status;
    expect([await status("ada", "a"), await status("ada", "b"), await status("bob", "c")]).toEqual([200, 429, 200]);
  });
});

describe("attacks", () => {
  const nowS = Math.floor(Date.now() / 1000);
  const other = signingIssuer("https://other.example");
  const impostor = signingIssuer(id.issuer);
  const [head = "", payload = "", signature = ""] = id.token().split(".");
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const rsa = signingIssuer("https://rsa.example", { algorithm: "RS256" });
  const rules = [tokenRule(id, { audiences: ["shop"] }), tokenRule(other, { audiences: ["shop"] }), tokenRule(rsa)];
  const shop = { aud: "shop" };

  test.each<[string, string]>([
    ["no signature (alg none)", `${encoded({ alg: "none" })}.${payload}.`],
    ["alg none with a signature", `${encoded({ alg: "none" })}.${payload}.${signature}`],
    ["alg nOnE", `${encoded({ alg: "nOnE" })}.${payload}.${signature}`],
    ["HS256 under the public key", hmacToken(id)],
    ["HS256 under the public RSA key", hmacToken(rsa)],
    ["RS256 said of a P-256 key", `${encoded({ alg: "RS256", kid: "k1" })}.${payload}.${signature}`],
    ["a key of the caller's own in the header", impostor.token(shop, { jwk: impostor.jwk })],
    ["another's signature under the same kid", impostor.token(shop)],
    ["another issuer's key under the same kid", other.token({ ...shop, iss: id.issuer })],
    ["an issuer that nobody trusts", signingIssuer("https://evil.example").token(shop)],
    ["a trusted issuer's name with a slash", id.token({ ...shop, iss: `${id.issuer}/` })],
    ["an issuer in a list", id.token({ ...shop, iss: [id.issuer] })],
    ["a foreign audience", id.token({ aud: "warehouse" })],
    ["an audience that begins like ours", id.token({ aud: "shop.evil.example" })],
    ["no audience", id.token()],
    ["expired", id.token({ ...shop, exp: nowS - 62 })],
    ["not yet valid", id.token({ ...shop, nbf: nowS + 90 })],
    ["an expiry that is a text", id.token({ ...shop, exp: "9999999999" })],
    ["a subject that is an object", id.token({ ...shop, sub: { a: 1 } })],
    ["an extension that must be understood", id.token(shop, { crit: ["b64"], b64: false })],
    ["a kid that is not published", id.token(shop, { kid: "k9" })],
    ["a payload that was exchanged", `${head}.${encoded({ iss: id.issuer, sub: "root", ...shop })}.${signature}`],
    [
      "a signature of zeros (CVE-2022-21449)",
      `${head}.${encoded({ iss: id.issuer, sub: "ada", ...shop })}.${"A".repeat(86)}`,
    ],
    ["a signature that is cut", id.token(shop).slice(0, -4)],
    ["padding", `${id.token(shop)}==`],
    ["four parts", `${id.token(shop)}.${payload}`],
    ["five parts (encrypted)", `${head}.a.b.c.d`],
    ["more than is read", id.token({ ...shop, x: "y".repeat(12_300) })],
    ["a header that is a list", `${encoded([])}.${payload}.${signature}`],
  ])("%s: 401", async (_name, token) => {
    const { answer } = await call({ tokens: rules }, bearer(token));
    expect([answer.status, answer.headers.get("x-heddle-reason")]).toEqual([401, "token-invalid"]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["expired for less than a minute", { exp: nowS - 30 }],
    ["valid in less than a minute", { nbf: nowS + 30 }],
    ["without an expiry", { exp: undefined }],
  ])("%s is taken: clocks differ", async (_name, claims) => {
    expect((await call({ tokens: rules }, bearer(id.token({ ...shop, ...claims })))).answer.status).toBe(200);
  });

  test("two tokens in one request, or one header twice: 401", async () => {
    const { client, url } = await pair(echo, { tokens: [people] });
    const [one, two] = [id.token(), id.token({ sub: "bob" })];
    const head = (...lines: string[]): Promise<string> =>
      raw(client.port, `GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${lines.join("\r\n")}\r\n\r\n`);
    const auth = (token: string): string => `authorization: Bearer ${token}`;
    expect(await head(auth(one))).toStartWith("HTTP/1.1 200");
    for (const lines of [
      [auth(one), auth(two)],
      [auth(one), auth(one)],
      [auth(one), "authorization: Basic YTpi"],
    ])
      expect(await head(...lines)).toStartWith("HTTP/1.1 401");
    const both = await fetch(`${url}/?access_token=${two}`, { headers: bearer(one) });
    const twice = await fetch(`${url}/?access_token=${one}&access_token=${one}`);
    const hidden = await fetch(`${url}/?access%5Ftoken=${one}&access_token=${one}`);
    const same = await fetch(`${url}/?access_token=${one}`, { headers: bearer(one) });
    expect([both.status, twice.status, hidden.status, same.status]).toEqual([401, 401, 401, 200]);
  });

  test.each(["bearer", "BEARER", "Bearer "])("a scheme written %p is a token all the same", async (scheme) => {
    const answer = await call({}, { authorization: `${scheme} nonsense` });
    expect(answer.answer.status).toBe(401);
    expect((await call({ policies: [anybodyKnown] }, { authorization: `${scheme} ${id.token()}` })).answer.status).toBe(
      200,
    );
  });

  test("a path cannot be disguised from a rule that asks for a token", async () => {
    const guarded = ruleSetOf({
      ref,
      action: "DENY",
      rules: [
        ruleOf({
          from: [sourceMatch({ notRequestPrincipals: ["*"] })],
          to: [operationMatch({ paths: ["/admin", "/admin/*"] })],
        }),
      ],
    });
    const { client } = await pair(echo, { tokens: [people], policies: [guarded] });
    const status = async (path: string, line = ""): Promise<string> =>
      (await raw(client.port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${line}\r\n`)).slice(9, 12);
    for (const path of [
      "/admin",
      "//admin",
      "/./admin",
      "/x/../admin",
      "/%61dmin",
      "/admin%2fx",
      "/x%2f..%2fadmin",
      "/admin/",
      "/admin/.",
      "/admin//x",
      "/admin?x",
      "/%2e/admin",
    ])
      expect([path, await status(path)]).toEqual([path, "403"]);
    expect(await status("/public")).toBe("200");
    expect(await status("/admin", `authorization: Bearer ${id.token()}\r\n`)).toBe("200");
  });
});

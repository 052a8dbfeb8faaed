import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { importTokenKey, sha256Hex } from "#engine/crypto";
import { TOKEN_ALGORITHMS } from "#model";
import { encode, signingIssuer, tokenRule } from "../../test/fakes/token-issuer.ts";
import { type Authenticated, compileTokenRules, type TokenCrypto, type TokenRule } from "./index.ts";

let verified = 0;
const crypto: TokenCrypto = {
  importKey(jwk) {
    const key = importTokenKey(jwk);
    return (
      key && {
        verify(algorithm, data, signature) {
          verified++;
          return key.verify(algorithm, data, signature);
        },
      }
    );
  },
  digest: sha256Hex,
};

const id = signingIssuer();

function ask(rules: readonly TokenRule[], fields: readonly string[], path = "/", nowMs = Date.now()): Authenticated {
  const authenticator = compileTokenRules(rules, crypto);
  if (authenticator === undefined) throw new Error("no rule");
  return authenticator.authenticate({ fields: [...fields], path }, nowMs);
}

const subjectOf = (found: Authenticated): unknown => (found.kind === "refused" ? found.why : found.claims?.["sub"]);

test("without a rule nothing is asked", () => {
  expect(compileTokenRules([], crypto)).toBeUndefined();
});

describe("signatures", () => {
  const issuers = TOKEN_ALGORITHMS.map(
    (algorithm) => [algorithm, signingIssuer("https://id.example", { algorithm })] as const,
  );

  test.each(issuers)("%s holds by its own key and by no other", (algorithm, issuer) => {
    for (const [other, holder] of issuers) {
      const found = subjectOf(ask([tokenRule(holder)], ["authorization", `Bearer ${issuer.token()}`]));
      expect([other, found === "ada"]).toEqual([other, other === algorithm]);
    }
  });

  test("a key that says its algorithm is for no other", () => {
    const rsa = signingIssuer("https://id.example", { algorithm: "RS256" });
    const pinned = (alg: string): TokenRule =>
      tokenRule(rsa, { jwks: JSON.stringify({ keys: [{ ...rsa.jwk, alg }] }) });
    const fields = ["authorization", `Bearer ${rsa.token()}`];
    expect(subjectOf(ask([pinned("RS256")], fields))).toBe("ada");
    expect(subjectOf(ask([pinned("PS256")], fields))).toBe("is signed by a key that its issuer does not publish");
  });

  test("the key is chosen by its name; a token or a key without one is tried with all", () => {
    const next = signingIssuer(id.issuer, { kid: "k2" });
    const { kid: _, ...nameless } = next.jwk;
    const both = tokenRule(id, { jwks: JSON.stringify({ keys: [id.jwk, next.jwk] }) });
    const open = tokenRule(id, { jwks: JSON.stringify({ keys: [id.jwk, nameless] }) });
    for (const [rule, token] of [
      [both, next.token()],
      [both, next.token({}, { kid: undefined })],
      [open, next.token()],
      [open, next.token({}, { kid: undefined })],
    ] as const)
      expect(subjectOf(ask([rule], ["authorization", `Bearer ${token}`]))).toBe("ada");
    expect(subjectOf(ask([both], ["authorization", `Bearer ${next.token({}, { kid: "k1" })}`]))).toBe(
      "has a signature that does not hold",
    );
  });

  test("a key that is not held is told of, and nothing else that is wrong with a token", () => {
    const told: string[] = [];
    const tell = (issuer: string): void => {
      told.push(issuer);
    };
    const next = signingIssuer(id.issuer, { kid: "k2" });
    const bare = signingIssuer(id.issuer, { kid: "" });
    const stranger = signingIssuer("https://stranger.example", { kid: "k3" });
    const askWith = (rule: TokenRule, token: string): number => {
      told.length = 0;
      const fields = ["authorization", `Bearer ${token}`];
      compileTokenRules([rule], crypto, tell)?.authenticate({ fields, path: "/" }, Date.now());
      return told.length;
    };
    const rule = tokenRule(id);
    expect(askWith(rule, id.token())).toBe(0);
    expect(askWith(rule, next.token())).toBe(1);
    expect(told).toEqual([id.issuer]);
    expect(askWith({ ...rule, jwks: "" }, id.token())).toBe(1);
    expect(askWith(rule, bare.token())).toBe(0);
    expect(askWith(rule, stranger.token())).toBe(0);
    expect(askWith(rule, `${id.token()}x`)).toBe(0);
    expect(askWith(tokenRule(bare), next.token())).toBe(0);
  });

  test("an issuer whose keys are not known yet vouches for nobody", () => {
    const found = ask([tokenRule(id, { jwks: "" })], ["authorization", `Bearer ${id.token()}`]);
    expect(subjectOf(found)).toBe("is from an issuer whose keys are not known");
  });

  test("no change of a single character is taken", () => {
    const token = id.token();
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(..."ABCabc019-_.=/+ "), (at, other) => {
        fc.pre(token[at] !== other);
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        // What stands around a token is no part of it.
        fc.pre(changed.trim() !== token);
        expect(ask([tokenRule(id)], ["authorization", `Bearer ${changed}`]).kind).toBe("refused");
      }),
      { numRuns: 300 },
    );
  });

  test("no text throws", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 60 }),
        fc.array(fc.string({ maxLength: 12 })),
        (text, parts) => {
          for (const token of [text, parts.map(encode).join(".")])
            expect(["refused", "accepted"]).toContain(ask([tokenRule(id)], ["authorization", `Bearer ${token}`]).kind);
        },
      ),
    );
  });
});

describe("what was verified once", () => {
  test("is not verified again, until its time is over or its rule another", () => {
    const authenticator = compileTokenRules([tokenRule(id)], crypto);
    const nowMs = Date.now();
    const request = { fields: ["authorization", `Bearer ${id.token()}`], path: "/" };
    const before = verified;
    const subjects = [0, 0, 30_000, 119_000, 122_000].map((ms) => {
      const found = authenticator?.authenticate(request, nowMs + ms);
      return found && subjectOf(found);
    });
    expect(subjects).toEqual(["ada", "ada", "ada", "ada", "has expired"]);
    expect(verified - before).toBe(1);
  });

  test("holds only where a rule looks that took it", () => {
    const other = signingIssuer("https://other.example");
    const rules = [
      tokenRule(id, { from: { headers: [{ name: "x-a", prefix: "" }], params: [], cookies: [] } }),
      tokenRule(other, { from: { headers: [{ name: "x-b", prefix: "" }], params: [], cookies: [] } }),
    ];
    const authenticator = compileTokenRules(rules, crypto);
    const token = id.token();
    const at = (name: string) => authenticator?.authenticate({ fields: [name, token], path: "/" }, Date.now()).kind;
    expect([at("x-a"), at("x-b"), at("x-a")]).toEqual(["accepted", "refused", "accepted"]);
  });

  test("takes a bounded place, whatever callers send", () => {
    const authenticator = compileTokenRules([tokenRule(id)], crypto);
    for (let index = 0; index < 3000; index++) {
      const fields = ["authorization", `Bearer ${id.token({ sub: `u${index}` })}`];
      const found = authenticator?.authenticate({ fields, path: "/" }, Date.now());
      expect(found && subjectOf(found)).toBe(`u${index}`);
    }
  });
});

describe("where tokens are looked for", () => {
  const from = (change: Partial<TokenRule["from"]>): TokenRule =>
    tokenRule(id, { from: { headers: [], params: [], cookies: [], ...change } });
  const token = id.token();
  const named = from({ headers: [{ name: "x-jwt", prefix: "JWT " }] });
  const bare = from({ headers: [{ name: "x-jwt", prefix: "" }] });
  const param = from({ params: ["t"] });
  const cookie = from({ cookies: ["session"] });

  test.each<[string, TokenRule, string[], string, unknown]>([
    ["a header with a prefix", named, ["x-jwt", `JWT ${token}`], "/", "ada"],
    ["another prefix is no token", named, ["x-jwt", `jwt ${token}`], "/", undefined],
    ["a header without one", bare, ["x-jwt", token], "/", "ada"],
    ["the usual header, where another is said", bare, ["authorization", `Bearer ${token}`], "/", undefined],
    ["another scheme", tokenRule(id), ["authorization", "Basic YTpi"], "/", undefined],
    ["an empty header", bare, ["x-jwt", ""], "/", undefined],
    ["the usual parameter", tokenRule(id), [], `/?access_token=${token}`, "ada"],
    ["a parameter", param, [], `/a?b=c&t=${token}`, "ada"],
    ["a parameter, escaped", param, [], `/a?%74=${token.replaceAll(".", "%2e")}`, "ada"],
    ["an empty parameter", param, [], "/a?t=", undefined],
    ["a parameter of another name", param, [], `/a?T=${token}`, undefined],
    ["a path that looks like a parameter", param, [], `/t=${token}`, undefined],
    ["a cookie", cookie, ["cookie", `a=b; session=${token}; c=d`], "/", "ada"],
    ["a cookie in quotes", cookie, ["cookie", `session="${token}"`], "/", "ada"],
    ["a cookie in the second of two fields", cookie, ["cookie", "a=b", "cookie", `session=${token}`], "/", "ada"],
    ["a cookie twice", cookie, ["cookie", `session=${token}; session=x`], "/", "stands twice in the cookie session"],
    ["a cookie whose name only ends so", cookie, ["cookie", `xsession=${token}`], "/", undefined],
  ])("%s", (_name, rule, fields, path, want) => {
    expect<unknown>(subjectOf(ask([rule], fields, path))).toBe(want);
  });

  test.each<[string, TokenRule, string[], string, string[], string]>([
    ["a header", bare, ["x-jwt", token, "b", "c"], "/", ["b", "c"], "/"],
    ["a parameter", param, ["b", "c"], `/a?x=1&t=${token}&y`, ["b", "c"], "/a?x=1&y"],
    ["the only parameter", param, [], `/a?t=${token}`, [], "/a"],
    ["a cookie", cookie, ["cookie", `a=b; session=${token}; c=d`], "/", ["cookie", "a=b; c=d"], "/"],
    ["the only cookie", cookie, ["cookie", `session=${token}`, "b", "c"], "/", ["b", "c"], "/"],
  ])("the token is taken out of %s", (_name, rule, fields, path, left, leftPath) => {
    expect(ask([rule], fields, path)).toMatchObject({ kind: "accepted", fields: left, path: leftPath });
  });

  test("another's credentials at a place where no token was stay", () => {
    const either = from({ headers: [{ name: "authorization", prefix: "Bearer " }], cookies: ["session"] });
    const fields = ["authorization", "Basic YTpi", "cookie", `session=${token}`];
    expect(ask([either], fields)).toMatchObject({ kind: "accepted", fields: ["authorization", "Basic YTpi"] });
  });

  test("several issuers may share a place, and several rules an issuer", () => {
    const other = signingIssuer("https://other.example");
    const rules = [tokenRule(id, { audiences: ["a"] }), tokenRule(id, { audiences: ["b"] }), tokenRule(other)];
    const at = (said: string): unknown => subjectOf(ask(rules, ["authorization", `Bearer ${said}`]));
    expect([at(id.token({ aud: "a" })), at(id.token({ aud: "b" })), at(other.token({ sub: "bob" }))]).toEqual([
      "ada",
      "ada",
      "bob",
    ]);
    expect([at(id.token({ aud: "c" })), at(signingIssuer("https://evil.example").token())]).toEqual([
      "is for another audience",
      "is from an issuer that is not accepted",
    ]);
  });
});

describe("what the app is told", () => {
  const told = (claims: Record<string, unknown>, claim: string): unknown => {
    const rule = tokenRule(id, { output: { payloadHeader: "", claimHeaders: [{ header: "x", claim }] } });
    const found = ask([rule], ["authorization", `Bearer ${id.token(claims)}`]);
    return found.kind === "accepted" ? found.fields : found;
  };

  test.each<[string, unknown, string | undefined]>([
    ["a text", "Ada", "Ada"],
    ["a number", 7, "7"],
    ["a truth", false, "false"],
    ["a list, as JSON in base64url", ["a", 1], Buffer.from('["a",1]').toString("base64url")],
    ["nothing of null", null, undefined],
    ["nothing of an absent claim", undefined, undefined],
    ["nothing of an empty text", "", undefined],
    ["nothing of a text that would end the field", "a\r\nx-admin: yes", undefined],
    ["nothing of a text that is not ASCII", "Ädä", undefined],
    ["nothing of a text that begins with a space", " a", undefined],
    ["nothing of a long text", "a".repeat(5000), undefined],
  ])("%s", (_name, value, want) => {
    expect(told({ claim: value }, "claim")).toEqual(want === undefined ? [] : ["x", want]);
  });

  test("a claim inside a claim, and nothing that a prototype has", () => {
    expect(told({ org: { team: "ops" } }, "org.team")).toEqual(["x", "ops"]);
    expect(told({ org: "x" }, "org.length")).toEqual([]);
    expect(told({}, "constructor.name")).toEqual([]);
    expect(told({}, "__proto__")).toEqual([]);
  });
});

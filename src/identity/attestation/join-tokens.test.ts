import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { generateSigningKey } from "#engine/crypto";
import { systemRandom } from "#engine/random";
import { failure, problem, type Result, valueOrThrow } from "#model";
import { fakeJoinTokenStore } from "../../../test/fakes/join-tokens.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import {
  encodeJoinToken,
  type JoinTokenAudit,
  type JoinTokenRequest,
  type JoinTokenStore,
  JoinTokens,
  parseJoinToken,
} from "./index.ts";

const catalog = { namespace: "shop", serviceAccount: "catalog" };
const payments = { namespace: "shop", serviceAccount: "payments" };
const asked: JoinTokenRequest = {
  server: "127.0.0.1:7071",
  rootHash: "ab".repeat(32),
  workloads: [catalog],
  createdBy: "admin",
};
const { publicKeyInfo } = generateSigningKey();
const claim = { ...catalog, publicKeyInfo, peerAddress: "10.0.0.9" };

let time: FakeTime;
let store: JoinTokenStore;
let tokens: JoinTokens;
let trail: JoinTokenAudit[];

beforeEach(() => {
  time = new FakeTime();
  store = fakeJoinTokenStore();
  trail = [];
  tokens = new JoinTokens({ store, clock: time, random: systemRandom, audit: (entry) => trail.push(entry) });
});

async function create(request: Partial<JoinTokenRequest> = {}): Promise<string> {
  return valueOrThrow(await tokens.create({ ...asked, ...request })).text;
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.problems[0].code;
}

describe("a join token", () => {
  test("lets one of its workloads join, once, and the trail shows it", async () => {
    const joinToken = await create({ workloads: [payments, catalog] });
    const record = valueOrThrow(await tokens.attest({ ...claim, joinToken }));
    expect(record.use).toMatchObject({ ...catalog, peerAddress: "10.0.0.9" });
    const other = generateSigningKey().publicKeyInfo;
    expect(codeOf(await tokens.attest({ ...claim, joinToken, publicKeyInfo: other }))).toBe(
      "HDL_ATTESTATION_TOKEN_USED",
    );
    expect(codeOf(await tokens.attest({ ...claim, ...payments, joinToken }))).toBe("HDL_ATTESTATION_TOKEN_USED");
    expect(trail.map((each) => [each.kind, each.code, each.actor])).toEqual([
      ["token-created", undefined, "admin"],
      ["token-used", undefined, "10.0.0.9"],
      ["token-refused", "HDL_ATTESTATION_TOKEN_USED", "10.0.0.9"],
      ["token-refused", "HDL_ATTESTATION_TOKEN_USED", "10.0.0.9"],
    ]);
  });

  test("is won by one of many who come at once", async () => {
    const joinToken = await create();
    const rivals = Array.from({ length: 20 }, () => generateSigningKey().publicKeyInfo);
    const results = await Promise.all(rivals.map((key) => tokens.attest({ ...claim, joinToken, publicKeyInfo: key })));
    const codes = results.map(codeOf).sort();
    expect(codes).toEqual([...Array.from({ length: 19 }, () => "HDL_ATTESTATION_TOKEN_USED"), "ok"]);
  });

  test("may be repeated with the same key when the answer was lost, but not for long", async () => {
    const joinToken = await create();
    expect(codeOf(await tokens.attest({ ...claim, joinToken }))).toBe("ok");
    time.advance(60_000);
    expect(codeOf(await tokens.attest({ ...claim, joinToken }))).toBe("ok");
    time.advance(300_000);
    expect(codeOf(await tokens.attest({ ...claim, joinToken }))).toBe("HDL_ATTESTATION_TOKEN_USED");
  });

  test("expires", async () => {
    const joinToken = await create({ ttlMs: 10_000 });
    time.advance(10_001);
    expect(codeOf(await tokens.attest({ ...claim, joinToken }))).toBe("HDL_ATTESTATION_TOKEN_EXPIRED");
  });

  test("is good only for the workloads that it was made for, and a refusal does not use it up", async () => {
    const joinToken = await create();
    expect(codeOf(await tokens.attest({ ...claim, ...payments, joinToken }))).toBe("HDL_ATTESTATION_TOKEN_WORKLOAD");
    const otherNamespace = { ...claim, namespace: "bank", joinToken };
    expect(codeOf(await tokens.attest(otherNamespace))).toBe("HDL_ATTESTATION_TOKEN_WORKLOAD");
    expect(codeOf(await tokens.attest({ ...claim, joinToken }))).toBe("ok");
  });

  test("is worth nothing with a wrong secret, an unknown id, or when revoked", async () => {
    const joinToken = await create();
    const parsed = valueOrThrow(parseJoinToken(joinToken));
    const guessed = encodeJoinToken({ ...parsed, secret: "A".repeat(43) });
    expect(codeOf(await tokens.attest({ ...claim, joinToken: guessed }))).toBe("HDL_ATTESTATION_TOKEN_UNKNOWN");
    const unknown = encodeJoinToken({ ...parsed, id: "0".repeat(16) });
    expect(codeOf(await tokens.attest({ ...claim, joinToken: unknown }))).toBe("HDL_ATTESTATION_TOKEN_UNKNOWN");
    expect(valueOrThrow(await tokens.revoke(parsed.id, "admin"))).toBe(true);
    expect(valueOrThrow(await tokens.revoke(parsed.id, "admin"))).toBe(false);
    expect(codeOf(await tokens.attest({ ...claim, joinToken }))).toBe("HDL_ATTESTATION_TOKEN_UNKNOWN");
  });

  test("leaves no secret in the store or the trail", async () => {
    const { secret } = valueOrThrow(parseJoinToken(await create()));
    expect(JSON.stringify(valueOrThrow(await store.list()))).not.toContain(secret);
    expect(JSON.stringify(trail)).not.toContain(secret);
  });

  test.each([
    ["no workload", { workloads: [] }],
    ["too many workloads", { workloads: Array.from({ length: 65 }, () => catalog) }],
    ["a name that is none", { workloads: [{ namespace: "shop", serviceAccount: "../x" }] }],
    ["the server itself", { workloads: [{ namespace: "heddle-system", serviceAccount: "heddle-server" }] }],
    ["too short a life", { ttlMs: 1 }],
    ["too long a life", { ttlMs: 1e12 }],
    ["a life that is no number", { ttlMs: Number.NaN }],
    ["no address", { server: "somewhere" }],
  ])("cannot be made for %s", async (_what, request) => {
    expect(codeOf(await tokens.create({ ...asked, ...request }))).toBe("HDL_ATTESTATION_TOKEN_REQUEST");
  });

  test("is refused, not used, while the store is broken", async () => {
    const joinToken = await create();
    const broken = failure(problem("HDL_INTERNAL", "The disk is full."));
    const options = { clock: time, random: systemRandom, audit: () => undefined };
    const noFind = { ...store, find: () => Promise.resolve(broken) };
    expect(codeOf(await new JoinTokens({ ...options, store: noFind }).attest({ ...claim, joinToken }))).toBe(
      "HDL_INTERNAL",
    );
    const noUse = { ...store, use: () => Promise.resolve(broken) };
    expect(codeOf(await new JoinTokens({ ...options, store: noUse }).attest({ ...claim, joinToken }))).toBe(
      "HDL_INTERNAL",
    );
    expect(codeOf(await tokens.attest({ ...claim, joinToken }))).toBe("ok");
  });

  test("is forgotten a day after it expired", async () => {
    await create({ ttlMs: 10_000 });
    time.advance(90_000_000);
    await create();
    expect(valueOrThrow(await tokens.list())).toHaveLength(1);
  });
});

test("a token's text goes there and back, and anything else is refused without being shown", () => {
  const token = { server: "[::1]:7071", rootHash: "0f".repeat(32), id: "0123456789abcdef", secret: "s".repeat(43) };
  expect(valueOrThrow(parseJoinToken(` ${encodeJoinToken(token)}\n`))).toEqual(token);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String().map((text) => `hjt1.${text}`),
      ),
      (text) => {
        const result = parseJoinToken(text);
        return !result.ok && !result.problems[0].message.includes("hjt1");
      },
    ),
  );
});

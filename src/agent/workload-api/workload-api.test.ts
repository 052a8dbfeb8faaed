import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { generateSigningKey, isSignedBy, verifyJws } from "#engine/crypto";
import { processFacts, programHash } from "#engine/processes";
import { bundleSet, encodePem, jwtSvidInput, parseCertificate, type TlsIdentity, validateX509Svid } from "#identity";
import { type Result, success, valueOrThrow } from "#model";
import { SpiffeWorkloadAPI } from "#proto";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { attestCaller, callerOf } from "./attestation.ts";
import type { ProcessSelector } from "./selectors.ts";
import { WorkloadApi } from "./workload-api.ts";

const authority = fakeAuthority("shop.example");
const other = fakeAuthority("other.example");
const jwtKey = generateSigningKey();
const own = { ...authority.bundle, jwtAuthorities: [{ keyId: "k1", publicKeyInfo: jwtKey.publicKeyInfo }] };
const ME: ProcessSelector = { uid: process.getuid?.() ?? 0 };

let folder: string;
let api: WorkloadApi | undefined;
let identity: TlsIdentity;
let bundles = bundleSet([own, other.bundle]);
let clients: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-wl-"));
  identity = authority.identity("shop/cart");
  bundles = bundleSet([own, other.bundle]);
  clients = new AbortController();
});
afterEach(async () => {
  clients.abort();
  await api?.stop();
  api = undefined;
  await rm(folder, { recursive: true });
});

function mint(audience: readonly string[]): Promise<Result<string>> {
  const times = { issuedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 };
  const input = jwtSvidInput({ spiffeId: identity.spiffeId, audience, ...times }, "k1");
  const signature = jwtKey.signJws(new TextEncoder().encode(input));
  return Promise.resolve(success(`${input}.${Buffer.from(signature).toString("base64url")}`));
}

async function start(allow: readonly ProcessSelector[] = [ME]) {
  const socket = join(folder, "api.sock");
  api = new WorkloadApi({
    socket,
    allow,
    identity: () => identity,
    bundles: () => bundles,
    mint,
    nowMs: () => Date.now(),
  });
  valueOrThrow(await api.start());
  const transport = createGrpcTransport({
    baseUrl: "http://localhost",
    nodeOptions: { createConnection: () => connectSocket(socket) },
  });
  return createClient(SpiffeWorkloadAPI, transport);
}

const asked = () => ({ headers: { "workload.spiffe.io": "true" }, signal: clients.signal, timeoutMs: 10_000 });

async function codeOf(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return "ok";
  } catch (cause) {
    return Code[ConnectError.from(cause).code] ?? "";
  }
}

async function first<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const each of stream) return each;
  throw new Error("nothing came");
}

describe("the Workload API", () => {
  test("gives the X.509-SVID, its key and the bundles, and all of it anew when any changes", async () => {
    const client = await start();
    const stream = client.fetchX509SVID({}, asked())[Symbol.asyncIterator]();
    const before = (await stream.next()).value;
    const [svid] = before?.svids ?? [];
    const chain = svid?.x509Svid ?? new Uint8Array();
    const leaf = valueOrThrow(parseCertificate(chain.slice(0, -authority.der.length)));
    expect(valueOrThrow(validateX509Svid(leaf, { nowMs: Date.now(), bundles, isSignedBy })).uri).toBe(svid?.spiffeId);
    expect(encodePem("PRIVATE KEY", svid?.x509SvidKey ?? new Uint8Array())).toBe(identity.privateKeyPem);
    expect(Buffer.from(svid?.bundle ?? []).equals(authority.der)).toBe(true);
    expect(Object.keys(before?.federatedBundles ?? {})).toEqual(["spiffe://other.example"]);
    const next = stream.next();
    identity = authority.identity("shop/cart");
    bundles = bundleSet([own]);
    api?.changed();
    const after = (await next).value;
    expect(Buffer.from(after?.svids[0]?.x509Svid ?? []).equals(Buffer.from(svid?.x509Svid ?? []))).toBe(false);
    expect(after?.federatedBundles).toEqual({});
  });

  test("gives bundles for those who only validate, X.509 and JWT", async () => {
    const client = await start();
    const x509 = await first(client.fetchX509Bundles({}, asked()));
    expect(Object.keys(x509.bundles)).toEqual(["spiffe://shop.example", "spiffe://other.example"]);
    const jwt = await first(client.fetchJWTBundles({}, asked()));
    const text = new TextDecoder().decode(jwt.bundles["spiffe://shop.example"]);
    expect(JSON.parse(text)).toMatchObject({ keys: [{ use: "jwt-svid", kid: "k1", crv: "P-256" }] });
  });

  test("gives JWT-SVIDs for an audience and validates them for it alone", async () => {
    const client = await start();
    const { svids } = await client.fetchJWTSVID({ audience: ["orders"] }, asked());
    const [{ svid, spiffeId } = { svid: "", spiffeId: "" }] = svids;
    expect(spiffeId).toBe("spiffe://shop.example/ns/shop/sa/cart");
    const valid = await client.validateJWTSVID({ audience: "orders", svid }, asked());
    expect([valid.spiffeId, valid.claims?.["aud"]]).toEqual([spiffeId, "orders"]);
    expect(await codeOf(() => client.validateJWTSVID({ audience: "stock", svid }, asked()))).toBe("InvalidArgument");
    expect(await codeOf(() => client.fetchJWTSVID({ audience: [] }, asked()))).toBe("InvalidArgument");
    const foreign = { audience: ["orders"], spiffeId: "spiffe://shop.example/ns/shop/sa/payments" };
    expect(await codeOf(() => client.fetchJWTSVID(foreign, asked()))).toBe("PermissionDenied");
    expect(
      verifyJws({
        algorithm: "none",
        publicKeyInfo: jwtKey.publicKeyInfo,
        data: new Uint8Array(),
        signature: new Uint8Array(),
      }),
    ).toBe(false);
  });

  test("answers nobody who leaves the header out, so that no page of a browser can ask", async () => {
    const client = await start();
    const without = { signal: clients.signal, timeoutMs: 5000 };
    for (const call of [
      () => first(client.fetchX509SVID({}, without)),
      () => first(client.fetchX509Bundles({}, without)),
      () => first(client.fetchJWTBundles({}, { ...without, headers: { "workload.spiffe.io": "false" } })),
      () => client.fetchJWTSVID({ audience: ["orders"] }, without),
      () => client.validateJWTSVID({ audience: "orders", svid: "x" }, without),
    ])
      expect(await codeOf(call)).toBe("InvalidArgument");
  });

  test.each([
    ["another user", { uid: 4_000_000 }, "PermissionDenied"],
    ["this program", { path: process.execPath }, "ok"],
    ["another program", { path: "/usr/bin/false" }, "PermissionDenied"],
    ["this user and another control group", { ...ME, cgroup: "/no/such.service" }, "PermissionDenied"],
  ] as const)("lets in by selector: %s", async (_, selector, verdict) => {
    const client = await start([selector]);
    expect(await codeOf(() => first(client.fetchX509SVID({}, asked())))).toBe(verdict);
  });

  test("lets in by the program's hash, and by a file that names it or one above it", async () => {
    const facts = await processFacts(process.pid);
    const file = join(folder, "orders.process");
    const client = await start([{ sha256: (await programHash(process.pid)) ?? "" }]);
    expect(await codeOf(() => first(client.fetchX509SVID({}, asked())))).toBe("ok");
    const caller = await callerOf({ pid: process.pid, uid: 0, gid: 0 });
    const judge = async (text: string): Promise<boolean> => {
      await writeFile(file, text);
      return (await attestCaller(caller, [{ processFile: file }])).ok;
    };
    const parent = await processFacts(facts?.parent ?? 0);
    expect(await judge(`${process.pid} ${facts?.startedTicks}\n`)).toBe(true);
    expect(await judge(`${parent?.pid} ${parent?.startedTicks}\n`)).toBe(parent !== undefined);
    expect(await judge(`${process.pid} ${(facts?.startedTicks ?? 0) - 1}\n`)).toBe(false);
    expect(await judge("1 0\n")).toBe(false);
  });

  test("does not take another process for one whose pid it got", async () => {
    const sleeper = Bun.spawn(["sleep", "30"]);
    const seen = await callerOf({ pid: sleeper.pid, uid: process.getuid?.() ?? 0, gid: 0 });
    expect((await attestCaller(seen, [ME])).ok).toBe(true);
    // The connection was seen a second before this process was started: it cannot be the one that made it.
    const earlier = { ...seen, seenTicks: seen.seenTicks - 100 };
    const reused = await attestCaller(earlier, [ME]);
    expect(reused.ok ? "" : reused.problems[0].message).toContain("another process's now");
    sleeper.kill();
    await sleeper.exited;
    const gone = await attestCaller(seen, [ME]);
    expect(gone.ok ? "" : gone.problems[0].message).toContain("ended");
  });
});

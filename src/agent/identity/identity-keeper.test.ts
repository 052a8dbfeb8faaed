import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Hex } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { parseCertificationRequest, type TlsIdentity } from "#identity";
import { encodeJoinToken } from "#identity/attestation";
import { failure, type ProblemCode, problem, type Result, success, valueOrThrow } from "#model";
import { type FakeAuthority, fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { seededRandom } from "../../../test/fakes/random.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { IdentityKeeper, type IdentityKeeperOptions } from "./identity-keeper.ts";
import type { AttestCall, EnrolCall, IdentityService, RenewCall, SvidGrant } from "./service.ts";

const TTL_MS = 20_000;
const workload = { namespace: "shop", serviceAccount: "catalog", instance: "catalog-1" };
const uri = "spiffe://test.example/ns/shop/sa/catalog";

let time: FakeTime;
let authority: FakeAuthority;
let server: FakeServer;
let keeper: IdentityKeeper;
let log: string[];
let offered: string | undefined;
let keepers: IdentityKeeper[];

/** Grants what it is asked for, unless told to be away or to cheat. */
class FakeServer implements IdentityService {
  away: ProblemCode | undefined;
  cheat: Partial<SvidGrant> = {};
  uri = uri;
  certifyOwnKey = true;
  readonly enrolled: EnrolCall[] = [];
  readonly attested: Omit<AttestCall, "prove">[] = [];
  readonly renewed: RenewCall[] = [];

  enrol(call: EnrolCall): Promise<Result<SvidGrant>> {
    this.enrolled.push(call);
    return Promise.resolve(this.#grant(call.csr));
  }

  async attest({ prove, ...call }: AttestCall): Promise<Result<SvidGrant>> {
    const proved = await prove({ ...call, nonce: new Uint8Array(32) });
    if (!proved.ok) return proved;
    this.attested.push(call);
    return this.#grant(call.csr);
  }

  renew(call: RenewCall): Promise<Result<SvidGrant>> {
    this.renewed.push(call);
    return Promise.resolve(this.#grant(call.csr));
  }

  #grant(csr: Uint8Array): Result<SvidGrant> {
    if (this.away !== undefined) return failure(problem(this.away, "The server is away."));
    const { publicKeyInfo } = valueOrThrow(parseCertificationRequest(csr));
    const times = { notBeforeMs: time.nowMs() - 30_000, notAfterMs: time.nowMs() + TTL_MS };
    const leaf = authority.leaf(this.uri, { ...times, ...(this.certifyOwnKey ? { publicKeyInfo } : {}) });
    const { trustDomain } = authority;
    return success({
      spiffeId: uri,
      trustDomain,
      certificateChain: [leaf],
      authorities: [authority.der],
      ...this.cheat,
    });
  }
}

function token(id = "0123456789abcdef"): string {
  return encodeJoinToken({ server: "127.0.0.1:7071", rootHash: sha256Hex(authority.der), id, secret: "s".repeat(43) });
}

function make(more: Partial<IdentityKeeperOptions> = {}): IdentityKeeper {
  const edge = { clock: time, timers: time, random: seededRandom(1), log: (line: string) => log.push(line) };
  const made = new IdentityKeeper({
    workload,
    service: server,
    joinToken: () => Promise.resolve(offered),
    ...edge,
    ...more,
  });
  keepers.push(made);
  return made;
}

/** Moves time in small steps and lets promises run between them. */
async function pass(ms: number, stepMs = 250): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    time.advance(stepMs);
    for (let turn = 0; turn < 12; turn++) await Promise.resolve();
  }
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.problems[0].code;
}

beforeEach(() => {
  time = new FakeTime(Math.floor(Date.now() / 1000) * 1000);
  authority = fakeAuthority("test.example", time.nowMs());
  server = new FakeServer();
  log = [];
  keepers = [];
  offered = token();
  keeper = make();
});
afterEach(async () => {
  await Promise.all(keepers.map((each) => each.stop()));
  expect(time.pending).toBe(0);
});

describe("an agent's identity", () => {
  test("is enrolled with the token, and its key never leaves the agent", async () => {
    const identity = valueOrThrow(await keeper.start());
    expect(identity.spiffeId.uri).toBe(uri);
    expect(identity.authoritiesPem).toEqual([authority.pem]);
    const [call] = server.enrolled;
    expect(call).toMatchObject(workload);
    expect(JSON.stringify(call)).not.toContain("PRIVATE KEY");
  });

  test("is renewed at about half of its life with a new key, again and again", async () => {
    const first = valueOrThrow(await keeper.start());
    const seen: TlsIdentity[] = [];
    keeper.onRotated((identity) => seen.push(identity));
    await pass(8500);
    expect(seen).toHaveLength(0);
    await pass(3000);
    expect(seen).toHaveLength(1);
    expect(server.renewed[0]?.identity).toBe(first);
    await pass(100_000);
    expect(seen.length).toBeGreaterThanOrEqual(9);
    expect(seen.length).toBeLessThanOrEqual(13);
    expect(new Set([first, ...seen].map((each) => each.privateKeyPem)).size).toBe(seen.length + 1);
    expect(keeper.state).toMatchObject({ rotations: seen.length, failures: 0, lastProblem: "" });
    expect(server.enrolled).toHaveLength(1);
  });

  test("is renewed by many agents at different times", async () => {
    const random = seededRandom(7);
    const rotatedAtMs: number[] = [];
    for (let count = 0; count < 20; count++) {
      const each = make({ random });
      each.onRotated(() => rotatedAtMs.push(time.nowMs()));
      valueOrThrow(await each.start());
    }
    await pass(11_500, 50);
    expect(rotatedAtMs).toHaveLength(20);
    expect(new Set(rotatedAtMs).size).toBeGreaterThan(10);
  });

  test("outlives an absence of the server, with fewer and fewer attempts", async () => {
    valueOrThrow(await keeper.start());
    server.away = "HDL_ENROLMENT_SERVER_UNREACHABLE";
    await pass(300_000);
    const attempts = server.renewed.length;
    expect(attempts).toBeGreaterThan(10);
    expect(attempts).toBeLessThan(30);
    expect(log.length).toBeLessThan(6);
    expect(keeper.identity?.notAfterMs).toBeLessThan(time.nowMs());
    expect(keeper.state.lastProblem).toContain("HDL_ENROLMENT_SERVER_UNREACHABLE");
    server.away = undefined;
    await pass(31_000);
    expect(keeper.identity?.notAfterMs).toBeGreaterThan(time.nowMs());
    expect(keeper.state).toMatchObject({ failures: 0, lastProblem: "" });
  });

  test("is enrolled anew after it expired, as soon as a fresh token is offered", async () => {
    valueOrThrow(await keeper.start());
    server.renew = () => Promise.resolve(failure(problem("HDL_ENROLMENT_SERVER_UNREACHABLE", "Handshake refused.")));
    await pass(60_000);
    expect(server.enrolled).toHaveLength(1);
    const seen: TlsIdentity[] = [];
    keeper.onRotated((identity) => seen.push(identity));
    offered = token("fedcba9876543210");
    await pass(31_000);
    expect(server.enrolled).toHaveLength(2);
    expect(seen).toHaveLength(1);
  });

  test("is renewed at once when the host slept, and when its clock was set back", async () => {
    let jumpMs = 0;
    const clock = { nowMs: () => time.nowMs() + jumpMs };
    valueOrThrow(await make({ clock }).start());
    jumpMs = 120_000;
    await pass(10_000);
    expect(server.renewed.length).toBeGreaterThanOrEqual(1);
    const before = server.renewed.length;
    await pass(3000);
    jumpMs = 0;
    await pass(10_000);
    expect(server.renewed.length).toBeGreaterThan(before);
  });

  test("goes on being renewed when a listener or the transport throws", async () => {
    valueOrThrow(await keeper.start());
    const seen: TlsIdentity[] = [];
    keeper.onRotated(() => {
      throw new Error("a part broke");
    });
    keeper.onRotated((identity) => seen.push(identity));
    await pass(12_000);
    expect(seen).toHaveLength(1);
    const { renew } = server;
    server.renew = () => Promise.reject(new Error("the transport broke"));
    await pass(12_000);
    expect(keeper.state.lastProblem).toContain("the transport broke");
    server.renew = renew;
    await pass(12_000);
    expect(seen.length).toBeGreaterThanOrEqual(2);
    expect(log.join("\n")).toContain("a part broke");
  });

  test("is asked for again with the same key while the first answer may be lost", async () => {
    server.away = "HDL_ENROLMENT_SERVER_UNREACHABLE";
    const started = keeper.start();
    await pass(3000);
    server.away = undefined;
    await pass(10_000);
    valueOrThrow(await started);
    expect(server.enrolled.length).toBeGreaterThan(2);
    const keys = server.enrolled.map((each) =>
      sha256Hex(valueOrThrow(parseCertificationRequest(each.csr)).publicKeyInfo),
    );
    expect(new Set(keys).size).toBe(1);
  });
});

describe("the start ends with a clear problem", () => {
  test("without a token", async () => {
    offered = undefined;
    expect(codeOf(await keeper.start())).toBe("HDL_AGENT_TOKEN_MISSING");
  });

  test("when the token is refused, at once", async () => {
    server.away = "HDL_ATTESTATION_TOKEN_USED";
    expect(codeOf(await keeper.start())).toBe("HDL_ATTESTATION_TOKEN_USED");
    expect(server.enrolled).toHaveLength(1);
  });

  test("when the server stays away for too long", async () => {
    server.away = "HDL_ENROLMENT_SERVER_UNREACHABLE";
    const started = make({ startTimeoutMs: 5000 }).start();
    await pass(6000);
    expect(codeOf(await started)).toBe("HDL_ENROLMENT_SERVER_UNREACHABLE");
  });

  test("when it is stopped meanwhile", async () => {
    server.away = "HDL_ENROLMENT_SERVER_UNREACHABLE";
    const started = keeper.start();
    await pass(500);
    await keeper.stop();
    expect(codeOf(await started)).toBe("HDL_ENROLMENT_SERVER_UNREACHABLE");
  });
});

describe("an answer of the server is refused", () => {
  const refusal = async (): Promise<string> => {
    const started = make({ startTimeoutMs: 0 }).start();
    await pass(250);
    return codeOf(await started);
  };

  test("when it names another workload", async () => {
    server.uri = "spiffe://test.example/ns/shop/sa/payments";
    expect(await refusal()).toBe("HDL_IDENTITY_GRANT_REFUSED");
  });

  test("when it is for another key", async () => {
    server.certifyOwnKey = false;
    expect(await refusal()).toBe("HDL_IDENTITY_GRANT_REFUSED");
  });

  test("when the token's root is not among its authorities", async () => {
    const other = fakeAuthority("test.example", time.nowMs());
    server.cheat = { authorities: [other.der] };
    expect(await refusal()).toBe("HDL_IDENTITY_GRANT_REFUSED");
  });

  test("when it is of another trust domain than it says", async () => {
    server.cheat = { trustDomain: "other.example" };
    expect(await refusal()).toBe("HDL_IDENTITY_TRUST_DOMAIN_UNKNOWN");
  });

  test("when it holds nothing", async () => {
    server.cheat = { certificateChain: [] };
    expect(await refusal()).toBe("HDL_IDENTITY_GRANT_REFUSED");
    server.cheat = { certificateChain: [Uint8Array.of(1)] };
    expect(await refusal()).toBe("HDL_IDENTITY_CERTIFICATE_MALFORMED");
  });
});

describe("a kept identity", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "heddle-keep-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test("lets an agent go on after a restart without the server, and is readable by its owner only", async () => {
    const keep = { directory, files: privateFiles };
    const first = make({ keep });
    const identity = valueOrThrow(await first.start());
    await first.stop();
    expect((await stat(join(directory, "identity.json"))).mode & 0o777).toBe(0o600);
    server.away = "HDL_ENROLMENT_SERVER_UNREACHABLE";
    expect(valueOrThrow(await make({ keep }).start())).toEqual(identity);
    expect(server.enrolled).toHaveLength(1);
  });

  test("is not used once it has expired, for another workload, or when damaged", async () => {
    const keep = { directory, files: privateFiles };
    const first = make({ keep });
    valueOrThrow(await first.start());
    await first.stop();
    offered = undefined;
    const other = { ...workload, serviceAccount: "payments" };
    expect(codeOf(await make({ keep, workload: other }).start())).toBe("HDL_AGENT_TOKEN_MISSING");
    const path = join(directory, "identity.json");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.slice(0, 500));
    expect(codeOf(await make({ keep }).start())).toBe("HDL_AGENT_TOKEN_MISSING");
    await writeFile(path, text);
    time.advance(TTL_MS + 1000);
    expect(codeOf(await make({ keep }).start())).toBe("HDL_AGENT_TOKEN_MISSING");
  });

  test("is not written unless that was asked for", async () => {
    valueOrThrow(await keeper.start());
    expect(await Array.fromAsync(new Bun.Glob("**").scan(directory))).toEqual([]);
  });
});

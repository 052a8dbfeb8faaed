import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Hex } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { type Bundle, parseTrustDomain } from "#identity";
import { type Failure, type Result, valueOrThrow } from "#model";
import { fakeDocuments } from "../../../test/fakes/documents.ts";
import { fakeJoinTokenStore } from "../../../test/fakes/join-tokens.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { type IdentityPlane, type IdentityPlaneOptions, startIdentityPlane } from "./identity-plane.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const DAY_MS = 86_400_000;
let folder: string;
let time: FakeTime;
let bundles: Bundle[];
let failures: Failure[];
let own: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-plane-"));
  time = new FakeTime(Date.now());
  bundles = [];
  failures = [];
  own = 0;
});
afterEach(async () => {
  expect(time.pending).toBe(0);
  await rm(folder, { recursive: true, force: true });
});

function start(more: Partial<IdentityPlaneOptions> = {}): Promise<Result<IdentityPlane>> {
  return startIdentityPlane({
    directory: join(folder, "ca"),
    trustDomain,
    files: privateFiles,
    clock: time,
    timers: time,
    random: systemRandom,
    tokens: fakeJoinTokenStore(),
    attestations: () => [],
    svids: fakeDocuments(),
    reports: () => new Map(),
    publishedMs: () => 0,
    svidTtlMs: () => 20_000,
    listener: {
      onIssued: () => undefined,
      onTokenAudit: () => undefined,
      onNodeAudit: () => undefined,
      onRotation: () => undefined,
      onRevoked: () => undefined,
      onOwnIdentity: () => own++,
      onBundle: (bundle) => bundles.push(bundle),
      onFailure: (failed) => failures.push(failed),
    },
    ...more,
  });
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.problems[0].code;
}

describe("the server's identity plane", () => {
  test("starts with a root, an identity and nothing left behind after its stop", async () => {
    const plane = valueOrThrow(await start());
    expect(plane.rootHash).toBe(sha256Hex(plane.authority.root));
    expect(plane.firstIdentity.spiffeId.uri).toBe("spiffe://shop.example/ns/heddle-system/sa/heddle-server");
    time.advance(3_600_000);
    expect(own).toBeGreaterThan(0);
    await plane.stop();
  });

  test("renews its issuing key in time, tells of the bundle, and says when the root is away", async () => {
    let days = 0;
    const clock = { nowMs: () => time.nowMs() + days * DAY_MS, nowUs: () => (time.nowMs() + days * DAY_MS) * 1000 };
    const plane = valueOrThrow(await start({ clock }));
    days = 183;
    time.advance(3_600_000);
    await plane.stop();
    expect(bundles.map((each) => each.authorities.length)).toEqual([3]);
    await rm(join(folder, "ca/root"), { recursive: true });
    days = 185;
    await valueOrThrow(await start({ clock })).stop();
    expect(failures).toEqual([]);
    // The active key has expired meanwhile; the one that was prepared signs now, and its own successor is due.
    days = 400;
    await valueOrThrow(await start({ clock })).stop();
    expect(failures.map((each) => each.problems[0].code)).toEqual(["HDL_AUTHORITY_ROOT_OFFLINE"]);
  });

  test("takes the passphrase from a private file", async () => {
    const passphraseFile = join(folder, "passphrase");
    await writeFile(passphraseFile, "correct horse\n", { mode: 0o600 });
    await valueOrThrow(await start({ passphraseFile })).stop();
    expect(await readFile(join(folder, "ca/root/root.key"), "utf8")).toContain("ENCRYPTED");
    expect(codeOf(await start())).toBe("HDL_AUTHORITY_PASSPHRASE_MISSING");
    await chmod(passphraseFile, 0o644);
    expect(codeOf(await start({ passphraseFile }))).toBe("HDL_ENGINE_SECRET_EXPOSED");
    await writeFile(passphraseFile, "");
    await chmod(passphraseFile, 0o600);
    expect(codeOf(await start({ passphraseFile }))).toBe("HDL_AUTHORITY_PASSPHRASE_FILE");
    expect(codeOf(await start({ passphraseFile: join(folder, "none") }))).toBe("HDL_AUTHORITY_PASSPHRASE_FILE");
  });
});

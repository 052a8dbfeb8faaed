import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import { Code, ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { generateSigningKey, sha256Hex } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import { bundleSet, encodeCertificationRequest, encodePem, parseTrustDomain, type TlsIdentity } from "#identity";
import { JoinTokens, parseJoinToken } from "#identity/attestation";
import { type Authority, openAuthority } from "#identity/authority";
import { type Result, valueOrThrow } from "#model";
import { Identity } from "#proto";
import { fakeJoinTokenStore } from "../../../test/fakes/join-tokens.ts";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { nobodyBarred, noNodes } from "../../../test/fakes/no-nodes.ts";
import { Enrolment, type EnrolmentPeer } from "../../server/enrolment/enrolment.ts";
import { identityService } from "../../server/enrolment/identity-service.ts";
import { OwnIdentity } from "../../server/enrolment/own-identity.ts";
import { peerOfConnection } from "../../server/enrolment/peer.ts";
import { grpcIdentityService } from "./grpc-identity-service.ts";
import { IdentityKeeper } from "./identity-keeper.ts";
import type { EnrolCall } from "./service.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const workload = { namespace: "shop", serviceAccount: "catalog", instance: "catalog-1" };
const peerKey = createContextKey<EnrolmentPeer | undefined>(undefined);
const signal = new AbortController().signal;

let folder: string;
let authority: Authority;
let tokens: JoinTokens;
let server: Http2SecureServer;
let address: string;
let closing: (() => void)[];
let ttlMs: number;

function portOf(listening: { address(): string | AddressInfo | null }): number {
  const bound = listening.address();
  return typeof bound === "object" && bound !== null ? bound.port : 0;
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.problems[0].code;
}

function peerOf(request: Http2ServerRequest): EnrolmentPeer | undefined {
  const socket = request.stream.session?.socket as TLSSocket;
  const leafDer = socket.getPeerCertificate()?.raw;
  const from = { address: socket.remoteAddress ?? "", nowMs: Date.now(), bundles: bundleSet([authority.bundle]) };
  const peer = peerOfConnection({ ...from, leafDer });
  return peer.ok ? peer.value : undefined;
}

async function serve(identity: TlsIdentity): Promise<void> {
  const joining = { joinTokens: tokens, nodes: noNodes, barred: nobodyBarred, random: systemRandom };
  const base = { authority, ...joining, svidTtlMs: () => ttlMs, clock: systemClock, onIssued: () => undefined };
  const enrolment = new Enrolment(base);
  const handler = connectNodeAdapter({
    contextValues: (request) => createContextValues().set(peerKey, peerOf(request as Http2ServerRequest)),
    routes: (router) =>
      router.service(
        Identity,
        identityService({
          enrolment,
          onFault: (failed) => expect(failed).toBeUndefined(),
          peerOf(context) {
            const peer = context.values.get(peerKey);
            if (peer === undefined) throw new ConnectError("The certificate shown is not valid.", Code.Unauthenticated);
            return peer;
          },
        }),
      ),
  });
  const tls = { cert: identity.certificateChainPem, key: identity.privateKeyPem, ca: [...identity.authoritiesPem] };
  server = createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: false, minVersion: "TLSv1.3" }, handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `127.0.0.1:${portOf(server)}`;
  closing.push(() => server.close());
}

beforeEach(async () => {
  closing = [];
  ttlMs = 60_000;
  folder = await mkdtemp(join(tmpdir(), "heddle-grpc-"));
  const edge = { files: privateFiles, clock: systemClock, random: systemRandom };
  authority = valueOrThrow(await openAuthority({ directory: join(folder, "ca"), trustDomain, ...edge }));
  tokens = new JoinTokens({ ...edge, store: fakeJoinTokenStore(), audit: () => undefined });
  const quiet = { onRotated: () => undefined, onFailure: () => undefined };
  const own = new OwnIdentity({ authority, clock: systemClock, timers: systemTimers, random: systemRandom, ...quiet });
  closing.push(() => own.stop());
  await serve(valueOrThrow(own.start()));
});
afterEach(async () => {
  for (const close of closing) close();
  await rm(folder, { recursive: true, force: true });
});

async function tokenFor(rootHash = sha256Hex(authority.root), at = address): Promise<string> {
  const workloads = [{ namespace: workload.namespace, serviceAccount: workload.serviceAccount }];
  return valueOrThrow(await tokens.create({ server: at, rootHash, workloads, createdBy: "admin" })).text;
}

async function enrolCall(joinToken: string): Promise<EnrolCall> {
  const csr = encodeCertificationRequest(generateSigningKey());
  return { ...workload, joinToken, token: valueOrThrow(parseJoinToken(joinToken)), csr };
}

function keeper(joinToken: string): IdentityKeeper {
  const made = new IdentityKeeper({
    workload,
    service: grpcIdentityService({ server: address, clock: systemClock }),
    joinToken: () => Promise.resolve(joinToken),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    log: () => undefined,
  });
  closing.push(() => void made.stop());
  return made;
}

describe("over real connections", () => {
  test("an agent enrols by its token and renews by its certificate", async () => {
    ttlMs = 5000;
    const agent = keeper(await tokenFor());
    const rotated = Promise.withResolvers<TlsIdentity>();
    agent.onRotated(rotated.resolve);
    const first = valueOrThrow(await agent.start());
    expect(first.spiffeId.uri).toBe("spiffe://shop.example/ns/shop/sa/catalog");
    const second = await rotated.promise;
    expect(second.spiffeId).toEqual(first.spiffeId);
    expect(second.privateKeyPem).not.toBe(first.privateKeyPem);
    await agent.stop();
  });

  test("the server's refusals arrive as what they are", async () => {
    const service = grpcIdentityService({ server: address, clock: systemClock });
    const call = await enrolCall(await tokenFor());
    expect(codeOf(await service.enrol(call, signal))).toBe("ok");
    const thief = { ...call, csr: encodeCertificationRequest(generateSigningKey()) };
    expect(codeOf(await service.enrol(thief, signal))).toBe("HDL_ATTESTATION_TOKEN_USED");
    const misdirected = { ...(await enrolCall(await tokenFor())), serviceAccount: "payments" };
    expect(codeOf(await service.enrol(misdirected, signal))).toBe("HDL_ATTESTATION_TOKEN_WORKLOAD");
    expect(codeOf(await service.enrol({ ...call, csr: Uint8Array.of(1) }, signal))).toBe(
      "HDL_IDENTITY_REQUEST_MALFORMED",
    );
  });

  test("a certificate of another authority renews nothing", async () => {
    const service = grpcIdentityService({ server: address, clock: systemClock });
    const stranger = fakeAuthority("shop.example").identity("shop/catalog");
    const identity = { ...stranger, authoritiesPem: [encodePem("CERTIFICATE", authority.bundle.authorities[0]!)] };
    const asked = { identity, instance: "catalog-1", csr: encodeCertificationRequest(generateSigningKey()) };
    const code = codeOf(await service.renew(asked, signal));
    expect(["HDL_ENROLMENT_SERVER_UNREACHABLE", "HDL_ENROLMENT_SERVER_REFUSED"]).toContain(code);
  });
});

describe("a token is not shown to", () => {
  const heard: Buffer[] = [];
  const listenAs = async (identity: TlsIdentity): Promise<string> => {
    const tls = { cert: identity.certificateChainPem, key: identity.privateKeyPem, ALPNProtocols: ["h2"] };
    const impostor = createServer(tls, (socket) => {
      socket.on("data", (data: Buffer) => heard.push(data));
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
    closing.push(() => impostor.close());
    return `127.0.0.1:${portOf(impostor)}`;
  };
  const attempt = async (identity: TlsIdentity): Promise<string> => {
    heard.length = 0;
    const at = await listenAs(identity);
    const service = grpcIdentityService({ server: at, clock: systemClock, timeoutMs: 2000 });
    const code = codeOf(await service.enrol(await enrolCall(await tokenFor(sha256Hex(authority.root), at)), signal));
    expect(Buffer.concat(heard).toString("latin1")).toBe("");
    return code;
  };
  const rootPem = (): string => encodePem("CERTIFICATE", authority.root);

  test("a server of another root", async () => {
    const other = fakeAuthority("shop.example");
    expect(await attempt(other.identity("heddle-system/heddle-server"))).toBe("HDL_ENROLMENT_SERVER_UNTRUSTED");
  });

  test("a server that only appends our root to its own chain", async () => {
    const other = fakeAuthority("shop.example").identity("heddle-system/heddle-server");
    const chain = { certificateChainPem: other.certificateChainPem + rootPem() };
    expect(await attempt({ ...other, ...chain })).toBe("HDL_ENROLMENT_SERVER_UNTRUSTED");
  });

  test("a workload of the mesh that pretends to be the server", async () => {
    const grant = keeper(await tokenFor());
    const member = valueOrThrow(await grant.start());
    await grant.stop();
    const chain = { certificateChainPem: member.certificateChainPem + rootPem() };
    expect(await attempt({ ...member, ...chain })).toBe("HDL_ENROLMENT_SERVER_UNTRUSTED");
  });
});

describe("an agent does not wait for ever", () => {
  test("when nobody listens", async () => {
    const service = grpcIdentityService({ server: "127.0.0.1:1", clock: systemClock, timeoutMs: 1000 });
    const call = await enrolCall(await tokenFor(undefined, "127.0.0.1:1"));
    expect(codeOf(await service.enrol(call, signal))).toBe("HDL_ENGINE_UNREACHABLE");
  });

  test("when who listens says nothing", async () => {
    const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    closing.push(() => mute.stop(true));
    const at = `127.0.0.1:${mute.port}`;
    const service = grpcIdentityService({ server: at, clock: systemClock, timeoutMs: 300 });
    const call = await enrolCall(await tokenFor(undefined, at));
    expect(codeOf(await service.enrol(call, signal))).toBe("HDL_ENGINE_UNREACHABLE");
    const giveUp = AbortSignal.timeout(50);
    const patient = grpcIdentityService({ server: at, clock: systemClock });
    expect(codeOf(await patient.enrol(call, giveUp))).toBe("HDL_ENGINE_UNREACHABLE");
  });
});

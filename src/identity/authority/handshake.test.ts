import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectHttp2, createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { generateSigningKey, isSignedBy } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { systemClock } from "#engine/time";
import {
  bundleSet,
  encodeCertificationRequest,
  encodePem,
  parseCertificate,
  parseTrustDomain,
  svidDnsName,
  type TlsIdentity,
  validateX509Svid,
  workloadSpiffeId,
} from "#identity";
import { valueOrThrow } from "#model";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { type Authority, openAuthority } from "./index.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
let folder: string;
let authority: Authority;
let closing: (() => void)[];

beforeEach(async () => {
  closing = [];
  folder = await mkdtemp(join(tmpdir(), "heddle-tls-"));
  const edge = { files: privateFiles, clock: systemClock, random: systemRandom };
  authority = valueOrThrow(await openAuthority({ directory: join(folder, "ca"), trustDomain, ...edge }));
});
afterEach(async () => {
  for (const close of closing) close();
  await rm(folder, { recursive: true, force: true });
});

function identityOf(serviceAccount: string): TlsIdentity {
  const key = generateSigningKey();
  const spiffeId = workloadSpiffeId(trustDomain, "shop", serviceAccount);
  const svid = valueOrThrow(authority.issue(encodeCertificationRequest(key), { spiffeId, ttlMs: 60_000 }));
  return {
    spiffeId,
    certificateChainPem: svid.chain.map((der) => encodePem("CERTIFICATE", der)).join(""),
    privateKeyPem: encodePem("PRIVATE KEY", key.exportPkcs8()),
    authoritiesPem: authority.bundle.authorities.map((der) => encodePem("CERTIFICATE", der)),
    notBeforeMs: svid.notBeforeMs,
    notAfterMs: svid.notAfterMs,
  };
}

function tlsOf(identity: TlsIdentity) {
  const { certificateChainPem, privateKeyPem, authoritiesPem } = identity;
  return { cert: certificateChainPem, key: privateKeyPem, ca: [...authoritiesPem], requestCert: true };
}

function whoIs(leafDer: Uint8Array | undefined): string {
  const facts = parseCertificate(leafDer ?? new Uint8Array());
  const checks = { nowMs: Date.now(), bundles: bundleSet([authority.bundle]), isSignedBy };
  const id = facts.ok ? validateX509Svid(facts.value, checks) : facts;
  return id.ok ? id.value.uri : id.problems[0].code;
}

/** Leaf of the other side of a native socket. */
function leafOf(socket: Bun.Socket<unknown>): Uint8Array | undefined {
  const certificate: { readonly raw?: Uint8Array } = socket.getPeerCertificate();
  return certificate.raw;
}

describe("two SVIDs meet over mutual TLS", () => {
  async function meet(server: TlsIdentity, client: TlsIdentity): Promise<Record<string, string>> {
    const seen: Record<string, string> = {};
    const done = Promise.withResolvers<void>();
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      tls: { ...tlsOf(server), rejectUnauthorized: true },
      socket: {
        handshake(socket) {
          seen["server saw"] = socket.authorized ? whoIs(leafOf(socket)) : "unauthorized";
        },
        data(socket, data) {
          seen["server read"] = data.toString();
          socket.end();
        },
        close: () => done.resolve(),
      },
    });
    closing.push(() => listener.stop(true));
    await Bun.connect({
      hostname: "127.0.0.1",
      port: listener.port,
      tls: { ...tlsOf(client), rejectUnauthorized: true, serverName: svidDnsName(server.spiffeId) },
      socket: {
        handshake(socket) {
          seen["client saw"] = socket.authorized ? whoIs(leafOf(socket)) : "unauthorized";
          if (socket.authorized) socket.write("hello");
        },
        data() {},
      },
    });
    await done.promise;
    return seen;
  }

  test("on the engine's sockets each knows the other", async () => {
    expect(await meet(identityOf("payments"), identityOf("catalog"))).toEqual({
      "server saw": "spiffe://shop.example/ns/shop/sa/catalog",
      "client saw": "spiffe://shop.example/ns/shop/sa/payments",
      "server read": "hello",
    });
  });

  test("on the engine's sockets a client of a foreign authority is not heard", async () => {
    const foreign = fakeAuthority("shop.example").identity("shop/catalog");
    const seen = await meet(identityOf("payments"), { ...foreign, authoritiesPem: identityOf("x").authoritiesPem });
    expect(seen["server saw"]).toBe("unauthorized");
    expect(seen["server read"]).toBeUndefined();
  });

  test("over HTTP/2 the server knows the caller", async () => {
    const server = createSecureServer({ ...tlsOf(identityOf("payments")), rejectUnauthorized: true });
    server.on("request", (request, response) => {
      response.end(whoIs((request.socket as TLSSocket).getPeerCertificate().raw));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const servername = svidDnsName(workloadSpiffeId(trustDomain, "shop", "payments"));
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ...tlsOf(identityOf("catalog")), servername });
    closing.push(() => session.destroy());
    const stream = session.request({ ":path": "/" });
    stream.end();
    let body = "";
    for await (const chunk of stream) body += String(chunk);
    expect(body).toBe("spiffe://shop.example/ns/shop/sa/catalog");
  });
});

/** External authorizers in TLS, by authorities of their own, over real connections. */
import { afterEach, expect, test } from "bun:test";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { NamedProvider } from "#model";
import { CheckResponseSchema } from "#proto";
import type { CheckedRequest } from "#proxy";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { Authorizers } from "./authorizers.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const company = fakeAuthority("company.example");
const stranger = fakeAuthority("company.example");
const { certificateChainPem, privateKeyPem } = company.identity("a/b", { dnsNames: ["localhost"] });

async function overHttp(): Promise<number> {
  const server = createServer({ cert: certificateChainPem, key: privateKeyPem }, (_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function overGrpc(): Promise<number> {
  const server = new Server();
  const answer = Buffer.from(toBinary(CheckResponseSchema, create(CheckResponseSchema, {})));
  const bytes = { requestSerialize: Buffer.from, requestDeserialize: Buffer.from } as const;
  const check = {
    ...{ path: "/envoy.service.auth.v3.Authorization/Check", requestStream: false, responseStream: false },
    ...bytes,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
  };
  server.addService(
    { check },
    { check: (_: unknown, done: (error: null, value: Buffer) => void) => done(null, answer) },
  );
  const pair = [{ private_key: Buffer.from(privateKeyPem), cert_chain: Buffer.from(certificateChainPem) }];
  const credentials = ServerCredentials.createSsl(null, pair);
  stops.push(() => server.forceShutdown());
  return new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  );
}

const request: CheckedRequest = {
  source: { spiffeId: "spiffe://test.example/a", address: "127.0.0.1" },
  destination: { spiffeId: "spiffe://test.example/b", address: "127.0.0.1", port: 1 },
  receivedMs: 0,
  http: { id: "1", method: "GET", path: "/", authority: "shop", fields: [], body: undefined, isPartial: false },
};

const provider = (protocol: NamedProvider["protocol"], url: string, caCertificates: string): NamedProvider => ({
  ...{ name: "gate", protocol, url, caCertificates, timeoutMs: 2000, isFailOpen: false, statusOnError: 403 },
  body: undefined,
  headers: { inCheck: [], additional: [], upstreamOnAllow: [], downstreamOnAllow: [], downstreamOnDeny: [] },
});

test.each(["http", "grpc"] as const)(
  "one over %s is asked only where its authorities vouch for it",
  async (protocol) => {
    const port = await (protocol === "http" ? overHttp() : overGrpc());
    const ask = async (host: string, caCertificates: string): Promise<string> => {
      const authorizers = new Authorizers();
      stops.push(() => authorizers.stop());
      const gate = authorizers.of([provider(protocol, `https://${host}:${port}`, caCertificates)]).get("gate");
      return (await gate?.check(request, AbortSignal.timeout(5000)))?.kind ?? "none";
    };
    expect(await ask("localhost", company.pem)).toBe("allowed");
    expect(await ask("localhost", "")).toBe("unavailable");
    expect(await ask("localhost", stranger.pem)).toBe("unavailable");
    expect(await ask("127.0.0.1", company.pem)).toBe("unavailable");
    expect(await ask("localhost", company.pem)).toBe("allowed");
  },
);

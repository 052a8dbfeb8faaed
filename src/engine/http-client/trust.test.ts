/** By what an `https:` server is known, over real connections. */
import { afterEach, describe, expect, test } from "bun:test";
import { serveHttps } from "#engine/https-server";
import type { TlsIdentity } from "#identity";
import { failure, problem, success, valueOrThrow } from "#model";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { askHttp, type HttpsTrust } from "./index.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const company = fakeAuthority("company.example");
const stranger = fakeAuthority("company.example");
const named = (name: string, authority = company): TlsIdentity => authority.identity("a/b", { dnsNames: [name] });
const BOUNDS = { timeoutMs: 2000, bytesMax: 100 };

async function serve(identity: TlsIdentity) {
  let asked = 0;
  const answer = () => {
    asked++;
    return { contentType: "text/plain", body: "hello" };
  };
  const server = valueOrThrow(await serveHttps({ address: "127.0.0.1", port: 0, identity, answer }));
  stops.push(() => server.stop());
  return { url: (host: string) => `https://${host}:${server.port}/`, asked: () => asked };
}

async function said(url: string, trust?: HttpsTrust): Promise<string> {
  const asked = await askHttp({ url, ...(trust === undefined ? {} : { trust }), ...BOUNDS });
  return asked.ok ? new TextDecoder().decode(asked.value.body) : asked.problems[0].code;
}

describe("by authorities", () => {
  const by = (...pems: string[]): HttpsTrust => ({ by: "authorities", authoritiesPem: pems.join("") });

  test("a server that they vouch for under the name that is asked is heard", async () => {
    const { url } = await serve(named("localhost"));
    expect(await said(url("localhost"), by(company.pem))).toBe("hello");
    expect(await said(url("localhost"), by(stranger.pem, company.pem))).toBe("hello");
  });

  test.each([
    ["an authority of the same name and another key", named("localhost"), "localhost", by(stranger.pem)],
    ["no certificate in the text that was given", named("localhost"), "localhost", by("-----BEGIN NOTHING-----\n")],
    ["no text at all", named("localhost"), "localhost", by("")],
    ["them under another name", named("elsewhere.example"), "localhost", by(company.pem)],
    ["them under a name that only begins so", named("localhost.evil.example"), "localhost", by(company.pem)],
    ["them, for a name and not the address", named("localhost"), "127.0.0.1", by(company.pem)],
    [
      "them, until a moment ago",
      company.identity("a/b", { dnsNames: ["localhost"], notAfterMs: Date.now() - 1000 }),
      "localhost",
      by(company.pem),
    ],
  ])("a server that is vouched for by %s is not asked", async (_, identity, host, trust) => {
    const { url, asked } = await serve(identity);
    expect(await said(url(host), trust)).toBe("HDL_ENGINE_UNREACHABLE");
    expect(asked()).toBe(0);
  });

  test("they are one question's alone: the next goes by the machine's roots again", async () => {
    const { url } = await serve(named("localhost"));
    expect(await said(url("localhost"), by(company.pem))).toBe("hello");
    expect(await said(url("localhost"))).toBe("HDL_ENGINE_UNREACHABLE");
    expect(await said(url("localhost"), by(stranger.pem))).toBe("HDL_ENGINE_UNREACHABLE");
  });
});

describe("by the certificate itself", () => {
  test("whoever asks is shown the leaf, and its word decides before the answer is read", async () => {
    const identity = named("anything.example");
    const { url } = await serve(identity);
    const shown: Uint8Array[] = [];
    const accept = (leaf: Uint8Array) => {
      shown.push(leaf);
      return success(undefined);
    };
    expect(await said(url("127.0.0.1"), { by: "certificate", accept })).toBe("hello");
    expect(Buffer.from(shown[0] ?? "").toString("base64")).toBe(
      identity.certificateChainPem.split("-----")[2]?.replaceAll("\n", "") ?? "",
    );
    const refuse = () => failure(problem("HDL_FEDERATION_ENDPOINT", "another"));
    expect(await said(url("127.0.0.1"), { by: "certificate", accept: refuse })).toBe("HDL_FEDERATION_ENDPOINT");
  });
});

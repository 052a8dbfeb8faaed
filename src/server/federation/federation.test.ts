import { describe, expect, test } from "bun:test";
import { generateSigningKey, jwkOf } from "#engine/crypto";
import { askHttp, type HttpAsk } from "#engine/http-client";
import { serveHttps } from "#engine/https-server";
import { decodePem, encodeBundleDocument, type TlsIdentity } from "#identity";
import {
  type Federation,
  failure,
  formatProblem,
  problem,
  type Resource,
  type Result,
  success,
  valueOrThrow,
} from "#model";
import { parseManifests } from "#model/manifest";
import { fakeDocuments } from "../../../test/fakes/documents.ts";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { FederatedBundles } from "./federation.ts";

const own = fakeAuthority("west.example");
const east = fakeAuthority("east.example");
const documentOf = (bundle = east.bundle, hintS = 60): string => encodeBundleDocument(bundle, hintS, { jwkOf });
const ENDPOINT = "spiffe://east.example/ns/heddle-system/sa/heddle-server";

function resource(more: string): Federation {
  const text = `apiVersion: heddle.dev/v1
kind: Federation
metadata: { name: east }
spec:
  trustDomain: east.example
  bundleEndpointURL: https://east.example/
${more}`;
  return valueOrThrow(parseManifests([{ file: "east.yaml", text }]))[0] as Federation;
}

const byWeb = resource("  bundleEndpointProfile: { type: https_web }\n");
const bySpiffe = resource(
  `  bundleEndpointProfile: { type: https_spiffe, endpointSPIFFEID: ${ENDPOINT} }\n  trustDomainBundle: ${JSON.stringify(documentOf())}\n`,
);

/** As those of companies often are: it says of no trust domain that it is its. */
function authorityWithoutName(): Uint8Array {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"];
  const usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-days", "10", "-subj", "/O=Company"];
  const made = Bun.spawnSync(["openssl", "req", "-x509", ...key, ...usage], { stderr: "ignore" });
  return decodePem("CERTIFICATE", made.stdout.toString())[0] ?? new Uint8Array();
}

class Following {
  readonly time = new FakeTime(Date.now());
  readonly asked: HttpAsk[] = [];
  readonly problems: string[] = [];
  changes = 0;
  /** By how much the clock was set otherwise, with the timers going on. */
  setMs = 0;
  resources: readonly Resource[];
  answer: () => Result<string> = () => success(documentOf());
  readonly federation: FederatedBundles;

  constructor(resources: readonly Resource[], documents = fakeDocuments(), real?: typeof askHttp) {
    this.resources = resources;
    this.federation = new FederatedBundles({
      trustDomain: own.trustDomain,
      ownBundle: () => own.bundle,
      resources: () => this.resources,
      documents,
      ask: (ask) => {
        this.asked.push(ask);
        if (real !== undefined) return real(ask);
        const answer = this.answer();
        const body = new TextEncoder().encode(answer.ok ? answer.value : "");
        return Promise.resolve(answer.ok ? success({ status: 200, headers: [], body }) : answer);
      },
      clock: { nowMs: () => this.time.nowMs() + this.setMs },
      timers: this.time,
      onChange: () => this.changes++,
      onProblem: ({ code }) => this.problems.push(code),
    });
  }

  async pass(ms: number): Promise<void> {
    this.time.advance(ms);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  get known(): readonly string[] {
    return this.federation.bundles.map(({ trustDomain, sequence }) => `${trustDomain} ${sequence}`);
  }
}

describe("a federated domain", () => {
  test("is fetched as often as it asks for, and told of only when it changed", async () => {
    const each = new Following([byWeb]);
    await each.federation.start();
    await each.pass(500);
    expect([each.known, each.changes, each.asked.length]).toEqual([["east.example 1"], 1, 1]);
    await each.pass(59_000);
    expect(each.asked.length).toBe(1);
    await each.pass(1500);
    expect([each.asked.length, each.changes]).toEqual([2, 1]);
    each.answer = () => success(documentOf({ ...fakeAuthority("east.example").bundle, sequence: 2 }));
    await each.pass(61_000);
    expect([each.known, each.changes]).toEqual([["east.example 2"], 2]);
    await each.federation.stop();
  });

  test("keeps its last good bundle while its endpoint fails, says so once, and over a restart", async () => {
    const documents = fakeDocuments();
    const each = new Following([byWeb], documents);
    await each.federation.start();
    await each.pass(500);
    each.answer = () => failure(problem("HDL_ENGINE_UNREACHABLE", "nobody is there"));
    for (let minute = 0; minute < 5; minute++) await each.pass(61_000);
    expect([each.known, each.problems]).toEqual([["east.example 1"], ["HDL_ENGINE_UNREACHABLE"]]);
    expect(each.federation.states[0]?.problem).toBe("nobody is there");
    await each.federation.stop();
    const again = new Following([byWeb], documents);
    await again.federation.start();
    expect(again.known).toEqual(["east.example 1"]);
    await again.federation.stop();
  });

  test("does not go back to an older document, in which somebody is not revoked yet, unless that is brought along", async () => {
    const each = new Following([byWeb]);
    const revocations = [{ kind: "certificate", serial: "7f", expiresAtMs: 9 }] as const;
    each.answer = () => success(documentOf({ ...east.bundle, sequence: 3, revocations }));
    await each.federation.start();
    await each.pass(500);
    const older = documentOf({ ...east.bundle, sequence: 2 });
    each.answer = () => success(older);
    await each.pass(61_000);
    expect([each.known, each.problems]).toEqual([["east.example 3"], ["HDL_FEDERATION_BUNDLE"]]);
    expect(each.federation.bundles[0]?.revocations).toEqual(revocations);
    const brought = `  bundleEndpointProfile: { type: https_web }\n  trustDomainBundle: ${JSON.stringify(older)}\n`;
    each.resources = [resource(brought)];
    await each.federation.update();
    expect(each.known).toEqual(["east.example 2"]);
    await each.federation.stop();
  });

  test("is fetched on although the clock was set back", async () => {
    const each = new Following([byWeb]);
    await each.federation.start();
    await each.pass(500);
    each.setMs = -365 * 86_400_000;
    await each.pass(500);
    expect(each.asked.length).toBe(2);
    await each.pass(30_000);
    expect(each.asked.length).toBe(2);
    await each.federation.stop();
  });

  test("is taken anew when a JWT key is another under the same name, or somebody was revoked there", async () => {
    const each = new Following([byWeb]);
    const keyed = (publicKeyInfo: Uint8Array) => ({ ...east.bundle, jwtAuthorities: [{ keyId: "k", publicKeyInfo }] });
    const held = keyed(generateSigningKey().publicKeyInfo);
    const revocations = [{ kind: "certificate", serial: "7f", expiresAtMs: 9 }] as const;
    await each.federation.start();
    for (const [bundle, changes] of [
      [held, 1],
      [keyed(generateSigningKey().publicKeyInfo), 2],
      [{ ...held, revocations }, 3],
      [held, 4],
    ] as const) {
      each.answer = () => success(documentOf(bundle));
      await each.pass(61_000);
      expect(each.changes).toBe(changes);
      expect(each.federation.bundles[0]?.revocations).toEqual("revocations" in bundle ? revocations : []);
    }
    await each.federation.stop();
  });

  test("is begun by another bundle than was fetched when its resource brings another along", async () => {
    const documents = fakeDocuments();
    const each = new Following([bySpiffe], documents);
    const fetched = fakeAuthority("east.example");
    each.answer = () => success(documentOf({ ...fetched.bundle, sequence: 7 }));
    await each.federation.start();
    await each.pass(500);
    expect(each.known).toEqual(["east.example 7"]);
    await each.federation.stop();
    const brought = documentOf({ ...fakeAuthority("east.example").bundle, sequence: 3 });
    for (const [trustDomainBundle, known] of [
      [bySpiffe.spec.trustDomainBundle, "east.example 7"],
      [brought, "east.example 3"],
    ] as const) {
      const again = new Following([{ ...bySpiffe, spec: { ...bySpiffe.spec, trustDomainBundle } }], documents);
      await again.federation.start();
      expect(again.known).toEqual([known]);
      await again.federation.stop();
    }
  });

  test("cannot share an authority with another that is taken in at the same moment", async () => {
    const bare = authorityWithoutName();
    const north = { ...byWeb, spec: { ...byWeb.spec, trustDomain: "north.example" } };
    const each = new Following([byWeb, north]);
    each.answer = () => success(documentOf({ ...east.bundle, authorities: [bare] }));
    await each.federation.start();
    await each.pass(500);
    expect([each.known.length, each.problems]).toEqual([1, ["HDL_FEDERATION_BUNDLE"]]);
    await each.federation.stop();
  });

  test("is dropped at once with its resource, and what was kept of it too", async () => {
    const documents = fakeDocuments();
    const each = new Following([byWeb], documents);
    await each.federation.start();
    await each.pass(500);
    each.resources = [];
    await each.federation.update();
    expect([each.known, each.changes]).toEqual([[], 2]);
    expect(valueOrThrow(await documents.list("federated-bundles"))).toEqual([]);
    await each.federation.stop();
  });

  test.each([
    ["brings an authority of ours along", documentOf({ ...east.bundle, authorities: [east.der, own.der] })],
    ["is of another domain", documentOf(fakeAuthority("north.example").bundle)],
    ["is no bundle", "<html>"],
  ])("whose document %s is not believed", async (_, document) => {
    const each = new Following([byWeb]);
    each.answer = () => success(document);
    await each.federation.start();
    await each.pass(500);
    expect([each.known, each.problems]).toEqual([[], ["HDL_FEDERATION_BUNDLE"]]);
    await each.federation.stop();
  });

  test("is as the last of several changes in a row says", async () => {
    const documents = fakeDocuments();
    const slow = {
      ...documents,
      get: (...names: [string, string]) => Bun.sleep(5).then(() => documents.get(...names)),
    };
    const each = new Following([], slow);
    await each.federation.start();
    each.resources = [bySpiffe];
    const first = each.federation.update();
    each.resources = [];
    await Promise.all([first, each.federation.update()]);
    expect(each.known).toEqual([]);
    await each.federation.stop();
  });

  test("of our own name is never taken from elsewhere", async () => {
    const each = new Following([{ ...byWeb, spec: { ...byWeb.spec, trustDomain: "west.example" } }]);
    await each.federation.start();
    await each.pass(500);
    expect([each.asked.length, each.known]).toEqual([0, []]);
    await each.federation.stop();
  });

  test("whose endpoint shows an SVID is judged by the bundle that is known, and by that endpoint's name", async () => {
    const each = new Following([bySpiffe]);
    await each.federation.start();
    await each.pass(500);
    const trust = each.asked[0]?.trust;
    const judge = (leaf: Uint8Array): string => {
      const judged = trust?.by === "certificate" ? trust.accept(leaf) : undefined;
      return judged?.ok === false ? judged.problems[0].code : judged === undefined ? "not asked" : "ok";
    };
    expect(judge(east.leaf(ENDPOINT))).toBe("ok");
    expect(judge(east.leaf("spiffe://east.example/ns/shop/sa/web"))).toBe("HDL_FEDERATION_ENDPOINT");
    expect(judge(fakeAuthority("east.example").leaf(ENDPOINT))).toBe("HDL_IDENTITY_SVID_UNTRUSTED");
    expect(judge(own.leaf("spiffe://west.example/ns/heddle-system/sa/heddle-server"))).not.toBe("ok");
    expect(judge(new Uint8Array())).not.toBe("ok");
    await each.federation.stop();
  });
});

describe("over real connections", () => {
  const web = fakeAuthority("web.example");
  const elsewhere = fakeAuthority("web.example");
  const asServer = (dnsName: string) => web.identity("shop/web", { dnsNames: [dnsName] });
  const known = async (identity: TlsIdentity, profile: (port: number) => Federation): Promise<readonly unknown[]> => {
    const answer = () => ({ contentType: "application/json", body: documentOf() });
    const server = valueOrThrow(await serveHttps({ address: "127.0.0.1", port: 0, identity, answer }));
    const each = new Following([profile(server.port)], fakeDocuments(), askHttp);
    await each.federation.start();
    await each.pass(500);
    const isOver = (): boolean => each.problems.length > 0 || each.federation.states[0]?.fetchedAtMs !== undefined;
    for (let tries = 0; tries < 300 && !isOver(); tries++) await Bun.sleep(10);
    await each.federation.stop();
    await server.stop();
    return [each.federation.states[0]?.fetchedAtMs === undefined ? "not fetched" : "fetched", ...each.problems];
  };
  const webAt = (pem: string) => (port: number) => {
    const bundleEndpointProfile = { type: "https_web", caCertificates: pem } as const;
    return {
      ...byWeb,
      spec: { ...byWeb.spec, bundleEndpointURL: `https://localhost:${port}/`, bundleEndpointProfile },
    };
  };
  const spiffeAt = (port: number): Federation => ({
    ...bySpiffe,
    spec: { ...bySpiffe.spec, bundleEndpointURL: `https://localhost:${port}/` },
  });
  const unreachable = ["not fetched", "HDL_ENGINE_UNREACHABLE"];

  test.each([
    ["an authority that is given", asServer("localhost"), webAt(web.pem), ["fetched"]],
    ["one of several that are given", asServer("localhost"), webAt(elsewhere.pem + web.pem), ["fetched"]],
    ["another authority of the same name", asServer("localhost"), webAt(elsewhere.pem), unreachable],
    ["an authority that is given, under another name", asServer("127.0.0.1.evil.example"), webAt(web.pem), unreachable],
    [
      "itself alone, where the machine's roots count",
      asServer("localhost"),
      (port: number) => atWeb(port),
      unreachable,
    ],
  ])("https_web takes a server that is vouched for by %s", async (_, identity, profile, want) => {
    expect(await known(identity, profile)).toEqual(want);
  });

  test.each([
    ["that SVID, whatever host it names", east.identity(ENDPOINT), ["fetched"]],
    ["another workload's SVID", east.identity("shop/web"), ["not fetched", "HDL_FEDERATION_ENDPOINT"]],
    [
      "an SVID of that name by a stranger",
      fakeAuthority("east.example").identity(ENDPOINT),
      ["not fetched", "HDL_IDENTITY_SVID_UNTRUSTED"],
    ],
    [
      "that SVID when it has expired",
      east.identity(ENDPOINT, { notAfterMs: Date.now() - 1000 }),
      ["not fetched", "HDL_IDENTITY_SVID_EXPIRED"],
    ],
    ["a web server's certificate", asServer("localhost"), ["not fetched", "HDL_IDENTITY_TRUST_DOMAIN_UNKNOWN"]],
  ])("https_spiffe judges an endpoint that shows %s", async (_, identity, want) => {
    expect(await known(identity, spiffeAt)).toEqual(want);
  });

  const atWeb = (port: number): Federation => ({
    ...byWeb,
    spec: { ...byWeb.spec, bundleEndpointURL: `https://localhost:${port}/` },
  });
});

test.each([
  [
    "https://east.example/",
    "  bundleEndpointProfile: { type: https_web, caCertificates: /etc/ssl/ca.pem }\n",
    "bundleEndpointProfile.caCertificates",
  ],
  ["http://east.example/", "  bundleEndpointProfile: { type: https_web }\n", "bundleEndpointURL"],
  [
    "https://east.example/",
    `  bundleEndpointProfile: { type: https_spiffe, endpointSPIFFEID: ${ENDPOINT} }\n`,
    "trustDomainBundle",
  ],
  ["https://east.example/", "  bundleEndpointProfile: { type: ftp }\n", "bundleEndpointProfile.type"],
])("a Federation at %s with %s is refused with the place", (url, profile, place) => {
  const text = `apiVersion: heddle.dev/v1
kind: Federation
metadata: { name: east }
spec:
  trustDomain: east.example
  bundleEndpointURL: ${url}
${profile}`;
  const parsed = parseManifests([{ file: "east.yaml", text }]);
  expect(parsed.ok ? "ok" : formatProblem(parsed.problems[0])).toContain(place);
});

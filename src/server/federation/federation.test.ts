import { describe, expect, test } from "bun:test";
import { jwkOf } from "#engine/crypto";
import type { HttpAsk } from "#engine/http-client";
import { encodeBundleDocument } from "#identity";
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

class Following {
  readonly time = new FakeTime(Date.now());
  readonly asked: HttpAsk[] = [];
  readonly problems: string[] = [];
  changes = 0;
  resources: readonly Resource[];
  answer: () => Result<string> = () => success(documentOf());
  readonly federation: FederatedBundles;

  constructor(resources: readonly Resource[], documents = fakeDocuments()) {
    this.resources = resources;
    this.federation = new FederatedBundles({
      trustDomain: own.trustDomain,
      ownBundle: () => own.bundle,
      resources: () => this.resources,
      documents,
      ask: (ask) => {
        this.asked.push(ask);
        const answer = this.answer();
        const body = new TextEncoder().encode(answer.ok ? answer.value : "");
        return Promise.resolve(answer.ok ? success({ status: 200, headers: [], body }) : answer);
      },
      clock: this.time,
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

test.each([
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

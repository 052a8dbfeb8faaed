import { describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { sha256Hex } from "#engine/crypto";
import { workloadSpiffeId } from "#identity";
import { defaultSettings, type MeshService } from "#mesh";
import { valueOrThrow } from "#model";
import type { RuleSet } from "#policy";
import { InboundPolicySchema, MeshSettingsSchema } from "#proto";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";
import { configOf, decodeResource, NOTHING_HELD, ResourceEncoder, type ResourceKind, withChange } from "./index.ts";

const authority = fakeAuthority("shop.example");
const encoder = new ResourceEncoder(sha256Hex);
const words = fc.array(fc.string({ maxLength: 12 }), { maxLength: 3 });

const endpoint = fc
  .record({
    instance: fc.stringMatching(/^[a-z]{1,8}$/),
    address: fc.ipV4(),
    meshPort: fc.integer({ min: 1, max: 65_535 }),
    labels: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ maxLength: 8 }), { maxKeys: 4 }),
    weight: fc.integer({ min: 1, max: 1000 }),
  })
  .map((each) => ({
    ...each,
    namespace: "shop",
    serviceAccount: "cart",
    spiffeId: workloadSpiffeId(authority.trustDomain, "shop", "cart"),
  }));

const ruleSet: fc.Arbitrary<RuleSet> = fc.record({
  ref: fc.record({ kind: fc.constant("AuthorizationPolicy"), namespace: fc.string(), name: fc.string() }),
  action: fc.constantFrom("ALLOW" as const, "DENY" as const),
  rules: fc.array(
    fc.record({
      from: fc.array(fc.record({ principals: words, notPrincipals: words, namespaces: words, notNamespaces: words }), {
        maxLength: 2,
      }),
      to: fc.array(
        fc.record({
          methods: words,
          notMethods: words,
          paths: words,
          notPaths: words,
          ports: words,
          notPorts: words,
          hosts: words,
          notHosts: words,
        }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 3 },
  ),
});

function serviceOf(endpoints: MeshService["endpoints"]): MeshService {
  const ports = [{ name: "http", port: 80, targetPort: 80, appProtocol: "http" }];
  return { key: "shop/cart", namespace: "shop", name: "cart", ports, endpoints };
}

describe("what is encoded is decoded the same", () => {
  test("services", () => {
    fc.assert(
      fc.property(fc.array(endpoint, { maxLength: 5 }), (endpoints) => {
        const { bytes } = encoder.service(serviceOf(endpoints));
        const { kind, value } = valueOrThrow(decodeResource("Service", "shop/cart", bytes));
        const expected = endpoints.map(({ meshPort, ...rest }) => ({ ...rest, port: meshPort }));
        expect(kind === "Service" && value.endpoints).toEqual(expected);
      }),
    );
  });

  test("policies", () => {
    fc.assert(
      fc.property(fc.array(ruleSet, { maxLength: 4 }), (ruleSets) => {
        const { bytes } = encoder.policy(ruleSets);
        expect(valueOrThrow(decodeResource("InboundPolicy", "self", bytes)).value).toEqual(ruleSets);
      }),
    );
  });

  test("bundles and settings", () => {
    const bundle = valueOrThrow(decodeResource("TrustBundle", "shop.example", encoder.bundle(authority.bundle).bytes));
    expect(bundle.value).toMatchObject({ trustDomain: authority.trustDomain, sequence: 1 });
    const settings = defaultSettings(authority.trustDomain);
    const decoded = valueOrThrow(decodeResource("MeshSettings", "mesh", encoder.settings(settings).bytes));
    expect(settings).toMatchObject(decoded.value);
  });
});

describe("encoding", () => {
  test("gives equal content an equal version, and other content another", () => {
    fc.assert(
      fc.property(fc.array(endpoint, { minLength: 1, maxLength: 3 }), (endpoints) => {
        const turned = endpoints.map((each) => ({
          ...each,
          labels: Object.fromEntries(Object.entries(each.labels).reverse()),
        }));
        const { version } = encoder.service(serviceOf(endpoints));
        expect(encoder.service(serviceOf(turned)).version).toBe(version);
        expect(encoder.service(serviceOf(endpoints.slice(1))).version).not.toBe(version);
      }),
    );
  });

  test("happens once for one object", () => {
    const service = serviceOf([]);
    expect(encoder.service(service).bytes).toBe(encoder.service(service).bytes);
  });
});

describe("decoding", () => {
  test("never throws", () => {
    const kind = fc.constantFrom<ResourceKind>("MeshSettings", "TrustBundle", "Service", "InboundPolicy");
    fc.assert(
      fc.property(kind, fc.uint8Array({ maxLength: 64 }), (each, bytes) => {
        expect(typeof decodeResource(each, "mesh", bytes).ok).toBe("boolean");
      }),
    );
  });

  const action = toBinary(
    InboundPolicySchema,
    create(InboundPolicySchema, { ruleSets: [{ kind: "K", namespace: "n", name: "x" }] }),
  );
  const sampling = toBinary(
    MeshSettingsSchema,
    create(MeshSettingsSchema, { trustDomain: "a.b", traceSampling: 2, connectTimeoutMs: 1, requestTimeoutMs: 1 }),
  );
  const cases: [string, ResourceKind, string, Uint8Array][] = [
    ["a service under another's name", "Service", "shop/payments", encoder.service(serviceOf([])).bytes],
    ["another workload's policy", "InboundPolicy", "shop/cart", encoder.policy([]).bytes],
    ["an action that is not known", "InboundPolicy", "self", action],
    ["a sampling above 1", "MeshSettings", "mesh", sampling],
    ["a bundle of another domain", "TrustBundle", "other.example", encoder.bundle(authority.bundle).bytes],
    ["an empty bundle", "TrustBundle", "shop.example", encoder.bundle({ ...authority.bundle, authorities: [] }).bytes],
  ];
  test.each(cases)("refuses %s", (_, kind, name, bytes) => {
    expect(decodeResource(kind, name, bytes).ok).toBe(false);
  });
});

describe("what an agent holds", () => {
  const change = (kind: ResourceKind, name: string, bytes: Uint8Array) => ({
    kind,
    present: [{ name, version: "1", bytes }],
    removed: [],
  });
  const changes = [
    change("MeshSettings", "mesh", encoder.settings(defaultSettings(authority.trustDomain)).bytes),
    change("TrustBundle", "shop.example", encoder.bundle(authority.bundle).bytes),
    change("InboundPolicy", "self", encoder.policy([]).bytes),
    change("Service", "shop/cart", encoder.service(serviceOf([])).bytes),
  ];
  const wanted = { revision: 7, services: ["shop/cart" as const] };

  test("is a configuration only when nothing is missing", () => {
    for (const missing of changes) {
      const held = changes
        .filter((each) => each !== missing)
        .reduce((all, each) => valueOrThrow(withChange(all, each)), NOTHING_HELD);
      expect(configOf(held, wanted)).toBeUndefined();
      expect(configOf(valueOrThrow(withChange(held, missing)), wanted)).toMatchObject({ revision: 7, policies: [] });
    }
  });

  test("keeps a service that was removed as one without endpoints, and never loses its policy", () => {
    const held = changes.reduce((all, each) => valueOrThrow(withChange(all, each)), NOTHING_HELD);
    const without = valueOrThrow(withChange(held, { kind: "Service", present: [], removed: ["shop/cart"] }));
    expect(configOf(without, wanted)?.services.get("shop/cart")?.endpoints).toEqual([]);
    expect(withChange(held, { kind: "InboundPolicy", present: [], removed: ["self"] }).ok).toBe(false);
  });
});

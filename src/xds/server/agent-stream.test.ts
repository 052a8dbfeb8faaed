import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { sha256Hex } from "#engine/crypto";
import { workloadSpiffeId } from "#identity";
import { emptySnapshot, type MeshSnapshot, nextSnapshot, type Registration } from "#mesh";
import type { AuthorizationPolicy, Resource, Service } from "#model";
import { DeltaDiscoveryRequestSchema, type DeltaDiscoveryResponse } from "#proto";
import { ResourceEncoder, type ResourceKind, typeUrlOf } from "#xds";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { AgentStream, streamAgent } from "./index.ts";

const authority = fakeAuthority("shop.example");
const metadata = (name: string) => ({ namespace: "shop", name, labels: {}, annotations: {} });
const service = (name: string): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(name),
  spec: { selector: { app: name }, ports: [] },
});
const policy = (app: string): AuthorizationPolicy => ({
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: metadata(`${app}-callers`),
  spec: { selector: { app }, action: "ALLOW", rules: [] },
});
const registration = (instance: string, app: string): Registration => ({
  namespace: "shop",
  serviceAccount: app,
  instance,
  spiffeId: workloadSpiffeId(authority.trustDomain, "shop", app),
  address: "127.0.0.1",
  meshPort: 15008,
  appPort: 1,
  labels: { app },
  ready: true,
});
const resources: Resource[] = [service("cart"), service("catalog"), policy("cart"), policy("payments")];
const base = nextSnapshot(emptySnapshot(authority.trustDomain), { resources, bundles: [authority.bundle] });
const withCarts = (from: MeshSnapshot, ...instances: string[]): MeshSnapshot =>
  nextSnapshot(from, {
    registrations: new Map(instances.map((each) => [`shop/${each}`, registration(each, "cart")])),
  });

const agent = {
  spiffeId: workloadSpiffeId(authority.trustDomain, "shop", "cart"),
  namespace: "shop",
  serviceAccount: "cart",
  instance: "cart-1",
  labels: { app: "cart" },
};
const opened = () => new AgentStream(agent, new ResourceEncoder(sha256Hex));

interface Asked {
  subscribe?: string[];
  unsubscribe?: string[];
  initial?: Record<string, string>;
}
function ask(stream: AgentStream, kind: ResourceKind, asked: Asked = {}): boolean {
  return stream.receive(
    create(DeltaDiscoveryRequestSchema, {
      typeUrl: typeUrlOf(kind),
      resourceNamesSubscribe: asked.subscribe ?? [],
      resourceNamesUnsubscribe: asked.unsubscribe ?? [],
      initialResourceVersions: asked.initial ?? {},
    }),
  ).ok;
}
function answer(stream: AgentStream, response: DeltaDiscoveryResponse | undefined, refusal?: string): void {
  stream.receive(
    create(DeltaDiscoveryRequestSchema, {
      typeUrl: response?.typeUrl ?? "",
      responseNonce: response?.nonce ?? "",
      ...(refusal === undefined ? {} : { errorDetail: { code: 3, message: refusal } }),
    }),
  );
}
const namesOf = (response: DeltaDiscoveryResponse | undefined) => response?.resources.map(({ name }) => name);
/** Acknowledges everything until the stream is quiet. */
function drain(stream: AgentStream, snapshot: MeshSnapshot): DeltaDiscoveryResponse[] {
  const all: DeltaDiscoveryResponse[] = [];
  for (let next = stream.next(snapshot); next !== undefined; next = stream.next(snapshot)) {
    all.push(next);
    answer(stream, next);
  }
  return all;
}

describe("a stream", () => {
  test("tells one thing at a time, authorities first", () => {
    const stream = opened();
    for (const kind of ["MeshSettings", "TrustBundle", "InboundPolicy"] as const) ask(stream, kind);
    ask(stream, "Service", { subscribe: ["shop/cart"] });
    const first = stream.next(base);
    expect(first?.typeUrl).toBe(typeUrlOf("TrustBundle"));
    expect(stream.next(base)).toBeUndefined();
    answer(stream, first);
    expect(drain(stream, base).map(({ typeUrl }) => typeUrl.split(".").at(-1))).toEqual([
      "InboundPolicy",
      "Service",
      "MeshSettings",
    ]);
    expect(stream.revision).toBe(base.revision);
  });

  test("sends only what changed", () => {
    const stream = opened();
    ask(stream, "Service", { subscribe: ["shop/cart", "shop/catalog"] });
    drain(stream, base);
    expect(drain(stream, withCarts(base, "cart-1")).flatMap(namesOf)).toEqual(["shop/cart"]);
    expect(drain(stream, withCarts(base, "cart-1"))).toEqual([]);
  });

  test("resumes from the versions that the agent still holds", () => {
    const before = opened();
    ask(before, "Service", { subscribe: ["shop/cart", "shop/catalog"] });
    const held = drain(before, base).flatMap(({ resources: all }) => all.map((each) => [each.name, each.version]));
    const after = opened();
    ask(after, "Service", { subscribe: ["shop/cart", "shop/catalog"], initial: Object.fromEntries(held) });
    expect(drain(after, withCarts(base, "cart-1")).flatMap(namesOf)).toEqual(["shop/cart"]);
  });

  test("says which services do not exist, and when one is gone", () => {
    const stream = opened();
    ask(stream, "Service", { subscribe: ["shop/cart", "shop/nothing"] });
    expect(drain(stream, base)[0]?.removedResources).toEqual(["shop/nothing"]);
    const without = nextSnapshot(base, { resources: [] });
    expect(drain(stream, without)[0]?.removedResources).toEqual(["shop/cart"]);
  });

  test("says that something kept from an earlier time is gone", () => {
    const stream = opened();
    ask(stream, "TrustBundle", { subscribe: ["*"], initial: { "old.example": "1" } });
    expect(drain(stream, base)[0]).toMatchObject({
      resources: [{ name: "shop.example" }],
      removedResources: ["old.example"],
    });
  });

  test("sends again what is subscribed to again, and nothing after an end of subscription", () => {
    const stream = opened();
    ask(stream, "Service", { subscribe: ["shop/cart"] });
    drain(stream, base);
    ask(stream, "Service", { subscribe: ["shop/cart"] });
    expect(drain(stream, base).flatMap(namesOf)).toEqual(["shop/cart"]);
    ask(stream, "Service", { unsubscribe: ["shop/cart"] });
    expect(drain(stream, withCarts(base, "cart-1"))).toEqual([]);
  });
});

describe("another workload's", () => {
  test("policies are not in the own policy", () => {
    const stream = opened();
    ask(stream, "InboundPolicy", { subscribe: ["self"] });
    const text = new TextDecoder().decode(drain(stream, base)[0]?.resources[0]?.resource?.value);
    expect(text).toContain("cart-callers");
    expect(text).not.toContain("payments-callers");
  });

  test("policy has no name", () => {
    const stream = opened();
    ask(stream, "InboundPolicy", { subscribe: ["shop/payments", "payments-1"] });
    const [only, ...rest] = drain(stream, base);
    expect(only).toMatchObject({ resources: [], removedResources: ["shop/payments", "payments-1"] });
    expect(rest).toEqual([]);
  });

  test("services are not given out as a whole", () => {
    const stream = opened();
    ask(stream, "Service");
    expect(drain(stream, base)).toEqual([]);
  });
});

describe("a refusal", () => {
  test("of one is not tried again until it changes", () => {
    const stream = opened();
    ask(stream, "Service", { subscribe: ["shop/cart"] });
    answer(stream, stream.next(base), "no");
    expect(stream.refusal).toEqual({ kind: "Service", names: ["shop/cart"], message: "no" });
    expect(stream.next(base)).toBeUndefined();
    expect(drain(stream, withCarts(base, "cart-1")).flatMap(namesOf)).toEqual(["shop/cart"]);
    expect(stream.refusal).toBeUndefined();
  });

  test("of several does not hold up the good ones", () => {
    const stream = opened();
    ask(stream, "Service", { subscribe: ["shop/cart", "shop/catalog"] });
    answer(stream, stream.next(base), "no");
    const alone = stream.next(base);
    expect(namesOf(alone)).toEqual(["shop/cart"]);
    answer(stream, alone, "no");
    const other = stream.next(base);
    expect(namesOf(other)).toEqual(["shop/catalog"]);
    answer(stream, other);
    expect(stream.next(base)).toBeUndefined();
  });

  test("under an old nonce counts for nothing", () => {
    const stream = opened();
    ask(stream, "Service", { subscribe: ["shop/cart"] });
    const first = stream.next(base);
    answer(stream, create(DeltaDiscoveryRequestSchema, { typeUrl: first?.typeUrl ?? "" }) as never, "no");
    stream.receive(
      create(DeltaDiscoveryRequestSchema, {
        typeUrl: typeUrlOf("Service"),
        responseNonce: "999",
        errorDetail: { code: 3, message: "no" },
      }),
    );
    expect(stream.isAwaiting).toBe(true);
    expect(stream.refusal).toBeUndefined();
  });
});

describe("a stream is ended", () => {
  test("that asks for an unknown type", () => {
    expect(opened().receive(create(DeltaDiscoveryRequestSchema, { typeUrl: "x" })).ok).toBe(false);
  });

  test("that subscribes without bound", () => {
    const names = Array.from({ length: 3000 }, (_, index) => `shop/s${index}`);
    expect(ask(opened(), "Service", { subscribe: names })).toBe(false);
  });

  test("that floods", () => {
    const stream = opened();
    let isOpen = true;
    for (let count = 0; count < 5000 && isOpen; count++) isOpen = ask(stream, "Service", { unsubscribe: ["x"] });
    expect(isOpen).toBe(false);
  });

  const cases: [string, object][] = [
    ["no node", {}],
    ["no labels", { node: { id: "cart-1" } }],
    ["a bad instance", { node: { id: "Cart 1", metadata: { labels: {} } } }],
    ["an app's port that is none", { node: { id: "cart-1", metadata: { labels: {}, appPort: 70_000 } } }],
    ["a label that is no text", { node: { id: "cart-1", metadata: { labels: { app: 7 } } } }],
  ];
  test.each(cases)("that begins with %s", (_, first) => {
    expect(streamAgent(agent.spiffeId, create(DeltaDiscoveryRequestSchema, first)).ok).toBe(false);
  });
});

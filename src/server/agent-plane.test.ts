import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "reflect-metadata";
import { createClient } from "@connectrpc/connect";
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from "@peculiar/x509";
import { sha256Hex } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import { parseCertificate, parseTrustDomain, type TlsIdentity } from "#identity";
import { parseJoinToken } from "#identity/attestation";
import { type AuthorizationPolicy, failure, problem, type Resource, type Result, success, valueOrThrow } from "#model";
import { AggregatedDiscoveryService, Identity } from "#proto";
import { type AgentConfig, RESOURCE_KINDS, typeUrlOf } from "#xds";
import { type LastGood, XdsClient } from "#xds/client";
import { fakeDocuments } from "../../test/fakes/documents.ts";
import { fakeJoinTokenStore } from "../../test/fakes/join-tokens.ts";
import { grpcIdentityService } from "../agent/identity/grpc-identity-service.ts";
import { IdentityKeeper } from "../agent/identity/identity-keeper.ts";
import { type Announcement, registryClient } from "../agent/registry-client.ts";
import { ServerChannel } from "../agent/server-channel.ts";
import { type AgentPlane, startAgentPlane } from "./agent-plane.ts";
import type { KeptKeys } from "./issuer-keys/issuer-keys.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const metadata = (name: string) => ({ namespace: "shop", name, labels: {}, annotations: {} });
const service = (name: string): Resource => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(name),
  spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 80, appProtocol: "http" }] },
});
const policy = (app: string): AuthorizationPolicy => ({
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: metadata(`${app}-callers`),
  spec: { selector: { app }, action: "ALLOW", rules: [] },
});
const announcement = (instance: string, app: string): Announcement => ({
  instance,
  address: "127.0.0.1",
  meshPort: 15008,
  appPort: 3000,
  labels: { app },
  ready: true,
  revision: 1,
  servedSvidNotAfterMs: 1,
  servedSvidSerial: "",
  bundleSequence: 0,
  agentVersion: "0.1.0",
  mode: "sidecar",
});

let folder: string;
let kept: string | undefined;
let keptKeys: KeptKeys = {};
let resources: readonly Resource[];
let changed: Set<() => void>;
let refusals: string[];
let plane: AgentPlane;
let closing: (() => unknown)[];
const tokens = fakeJoinTokenStore();

async function start(port = 0): Promise<AgentPlane> {
  plane = valueOrThrow(
    await startAgentPlane({
      address: "127.0.0.1",
      port,
      trustDomain,
      authorityDirectory: join(folder, "ca"),
      tokens,
      documents: fakeDocuments(),
      registry: {
        load: () => Promise.resolve(success(kept)),
        save(text) {
          kept = text;
          return Promise.resolve(success(undefined));
        },
      },
      issuerKeys: {
        load: () => Promise.resolve(success(keptKeys)),
        save(keys) {
          keptKeys = keys;
          return Promise.resolve(success(undefined));
        },
      },
      resources: {
        resources: () => resources,
        onChange(listener) {
          changed.add(listener);
          return () => changed.delete(listener);
        },
      },
      files: privateFiles,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      listener: {
        onIssued: () => undefined,
        onTokenAudit: () => undefined,
        onNodeAudit: () => undefined,
        onRotation: () => undefined,
        onRefusal: (_agent, { message }) => refusals.push(message),
        onFailure: (failed) => expect(failed).toBeUndefined(),
      },
    }),
  );
  return plane;
}

function apply(next: readonly Resource[]): void {
  resources = next;
  for (const listener of changed) listener();
}

async function until<T>(find: () => T | undefined | false): Promise<T> {
  const endMs = Date.now() + 8000;
  for (;;) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > endMs) throw new Error(`not in time: ${find}`);
    await Bun.sleep(10);
  }
}

async function enrol(app: string): Promise<TlsIdentity> {
  const server = `127.0.0.1:${plane.port}`;
  const { rootHash, joinTokens } = plane.identity;
  const workloads = [{ namespace: "shop", serviceAccount: app }];
  const { text } = valueOrThrow(await joinTokens.create({ server, rootHash, workloads, createdBy: "test" }));
  expect(parseJoinToken(text).ok).toBe(true);
  const keeper = new IdentityKeeper({
    workload: { namespace: "shop", serviceAccount: app, instance: `${app}-1` },
    service: grpcIdentityService({ server, clock: systemClock }),
    joinToken: () => Promise.resolve(text),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    log: () => undefined,
  });
  const identity = valueOrThrow(await keeper.start());
  await keeper.stop();
  return identity;
}

interface Agent {
  readonly xds: XdsClient;
  readonly registry: ReturnType<typeof registryClient>;
  readonly channel: ServerChannel;
  readonly configs: AgentConfig[];
  readonly disk: { bytes: Uint8Array | undefined };
  onConfig: (config: AgentConfig) => Result<void>;
}

async function agent(
  app: string,
  services: `${string}/${string}`[],
  held: { identity?: TlsIdentity; disk?: Agent["disk"]; node?: string } = {},
): Promise<Agent> {
  const identity = held.identity ?? (await enrol(app));
  const channel = new ServerChannel({
    server: `127.0.0.1:${plane.port}`,
    identity: () => identity,
    clock: systemClock,
  });
  const disk = held.disk ?? { bytes: undefined };
  const store: LastGood = {
    load: () => Promise.resolve(success(disk.bytes)),
    save(bytes) {
      disk.bytes = bytes;
      return Promise.resolve(success(undefined));
    },
  };
  const made: Agent = {
    channel,
    configs: [],
    disk,
    registry: registryClient(channel.transport),
    onConfig: () => success(undefined),
    xds: new XdsClient({
      transport: channel.transport,
      node: { instance: held.node ?? `${app}-1`, labels: { app } },
      services,
      store,
      hash: sha256Hex,
      onConfig(config) {
        const applied = made.onConfig(config);
        if (applied.ok) made.configs.push(config);
        return applied;
      },
      timers: systemTimers,
      random: systemRandom,
      log: () => undefined,
    }),
  };
  closing.push(async () => {
    await made.xds.stop();
    channel.stop();
  });
  await made.xds.start();
  return made;
}

const instances = ({ xds }: Agent, key: `${string}/${string}`) =>
  xds.config?.services.get(key)?.endpoints.map((each) => each.instance);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-plane-"));
  kept = undefined;
  resources = [service("catalog"), service("cart"), policy("cart"), policy("payments")];
  changed = new Set();
  refusals = [];
  closing = [];
  await start();
});
afterEach(async () => {
  for (const close of closing) await close();
  await plane.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("an agent", () => {
  test("enrols, announces itself, and is given out to who calls it", async () => {
    const cart = await agent("cart", ["shop/catalog", "shop/nothing"]);
    await until(() => cart.xds.config);
    expect(instances(cart, "shop/catalog")).toEqual([]);
    expect(cart.xds.config?.policies.map(({ ref }) => ref.name)).toEqual(["cart-callers"]);
    const catalog = await agent("catalog", []);
    expect(valueOrThrow(await catalog.registry.announce(announcement("catalog-1", "catalog")))).toBe(9000);
    await until(() => instances(cart, "shop/catalog")?.length === 1);
    expect(cart.xds.config?.services.get("shop/catalog")?.endpoints[0]?.spiffeId.uri).toBe(
      "spiffe://shop.example/ns/shop/sa/catalog",
    );
    valueOrThrow(await catalog.registry.withdraw("catalog-1"));
    await until(() => instances(cart, "shop/catalog")?.length === 0);
  });

  test("is told of a changed policy", async () => {
    const cart = await agent("cart", []);
    await until(() => cart.xds.config);
    apply([]);
    await until(() => cart.xds.config?.policies.length === 0);
  });

  test("that refuses a configuration keeps the one before, and the server sees why", async () => {
    const cart = await agent("cart", ["shop/catalog"]);
    const before = await until(() => cart.xds.config);
    cart.onConfig = () => failure(problem("HDL_INTERNAL", "not this one"));
    apply([]);
    await until(() => refusals.length > 0);
    expect(cart.xds.config).toBe(before);
    expect(plane.discovery.agents[0]?.refusal?.message).toBe("not this one");
  });

  test("misses nothing when its identity is renewed", async () => {
    const cart = await agent("cart", ["shop/catalog"]);
    const catalog = await agent("catalog", []);
    await catalog.registry.announce(announcement("catalog-1", "catalog"));
    await until(() => instances(cart, "shop/catalog")?.length === 1);
    for (const { channel } of [cart, catalog]) channel.rotate();
    valueOrThrow(await catalog.registry.announce({ ...announcement("catalog-1", "catalog"), ready: false }));
    await until(() => instances(cart, "shop/catalog")?.length === 0);
    valueOrThrow(await cart.registry.announce(announcement("cart-1", "cart")));
    expect([...plane.registry.workloads.keys()].sort()).toEqual(["shop/cart-1", "shop/catalog-1"]);
  });

  test("cannot speak for another's instance", async () => {
    const cart = await agent("cart", []);
    const catalog = await agent("catalog", []);
    valueOrThrow(await catalog.registry.announce(announcement("catalog-1", "catalog")));
    expect((await cart.registry.announce(announcement("catalog-1", "cart"))).ok).toBe(false);
    await cart.registry.withdraw("catalog-1");
    expect([...plane.registry.workloads.keys()]).toEqual(["shop/catalog-1"]);
  });

  test("is given its own identity, whoever its request says it is", async () => {
    const cart = await agent("cart", []);
    const client = createClient(Identity, cart.channel.transport);
    const payments = "spiffe://shop.example/ns/shop/sa/payments";
    const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const request = await Pkcs10CertificateRequestGenerator.create({
      name: "CN=payments",
      keys,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [new SubjectAlternativeNameExtension([{ type: "url", value: payments }])],
    });
    const renewed = await client.renew({ csr: new Uint8Array(request.rawData), instance: "payments-1" });
    const leaf = valueOrThrow(parseCertificate(renewed.certificateChain[0] ?? new Uint8Array()));
    expect([leaf.uriSans, leaf.hasSubject]).toEqual([["spiffe://shop.example/ns/shop/sa/cart"], false]);
    const { token } = await client.mintJwtSvid({ audience: ["bank"] });
    expect(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).toContain("/ns/shop/sa/cart");
    const joined = client.enrol({ ...request, joinToken: "hjt1.none", namespace: "shop", serviceAccount: "payments" });
    expect(
      await joined.then(
        () => "joined",
        () => "refused",
      ),
    ).toBe("refused");
  });

  test("is given no policy of another namespace, whatever it asks for and says of itself", async () => {
    const ledger = policy("ledger");
    apply([...resources, { ...ledger, metadata: { ...ledger.metadata, namespace: "bank" } }]);
    const cart = await agent("cart", []);
    const client = createClient(AggregatedDiscoveryService, cart.channel.transport);
    const node = {
      id: "ledger-1",
      metadata: { labels: { app: "ledger" }, namespace: "bank", serviceAccount: "ledger" },
    };
    const names = ["*", "bank/ledger-1", "bank/ledger", "ledger-callers", "self", ""];
    const asked = RESOURCE_KINDS.map((kind) => ({ typeUrl: typeUrlOf(kind), node, resourceNamesSubscribe: names }));
    const given: string[] = [];
    const abort = AbortSignal.timeout(1500);
    const acknowledged: { typeUrl: string; responseNonce: string }[] = [];
    const requests = async function* () {
      yield* asked;
      // One answer is out at a time, until the agent says that it has it.
      while (!abort.aborted) {
        yield* acknowledged.splice(0);
        await Bun.sleep(5);
      }
    };
    try {
      for await (const { resources: sent, typeUrl, nonce } of client.deltaAggregatedResources(requests(), {
        signal: abort,
      })) {
        given.push(...sent.map((each) => `${each.name} ${Buffer.from(each.resource?.value ?? []).toString("latin1")}`));
        acknowledged.push({ typeUrl, responseNonce: nonce });
        if (typeUrl === typeUrlOf("MeshSettings")) break;
      }
    } catch {
      // It is the test that ends it.
    }
    // Its own, which holds nothing, comes after the authorities and before the settings.
    expect(given.map((each) => each.split(" ")[0])).toEqual(["shop.example", "self", "mesh"]);
    expect(given.filter((each) => each.includes("ledger"))).toEqual([]);
  });
});

describe("while the server is away", () => {
  test("an agent keeps what it has and follows again after a restart, and no endpoint is lost", async () => {
    const cart = await agent("cart", ["shop/catalog"]);
    const catalog = await agent("catalog", []);
    await catalog.registry.announce(announcement("catalog-1", "catalog"));
    await until(() => instances(cart, "shop/catalog")?.length === 1);
    const { port } = plane;
    await plane.stop();
    await until(() => !cart.xds.state.isConnected);
    expect(instances(cart, "shop/catalog")).toEqual(["catalog-1"]);
    cart.configs.length = 0;
    await start(port);
    await until(() => cart.xds.state.isConnected);
    expect(cart.configs.map((each) => each.services.get("shop/catalog")?.endpoints.length)).not.toContain(0);
    apply([...resources, service("basket")]);
    await catalog.registry.withdraw("catalog-1");
    await until(() => instances(cart, "shop/catalog")?.length === 0);
  });

  test("a restarted agent runs by what was last good; what is damaged is passed over", async () => {
    const identity = await enrol("cart");
    const first = await agent("cart", ["shop/catalog"], { identity });
    await until(() => first.xds.config);
    await first.xds.stop();
    const { bytes } = first.disk;
    await plane.stop();
    const second = await agent("cart", ["shop/catalog"], { identity, disk: { bytes } });
    expect(second.xds.config?.policies.map(({ ref }) => ref.name)).toEqual(["cart-callers"]);
    expect(second.xds.state.isFromDisk).toBe(true);
    const damaged = bytes?.slice() ?? new Uint8Array();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    const third = await agent("cart", ["shop/catalog"], { identity, disk: { bytes: damaged } });
    expect(third.xds.config).toBeUndefined();
    await start(plane.port);
    await until(() => second.xds.state.isConnected && !second.xds.state.isFromDisk);
  });
});

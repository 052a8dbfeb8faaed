/** Agents that join by what their nodes prove, over real sockets. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import { encodePem, parseTrustDomain } from "#identity";
import type { NodeAudit } from "#identity/attestation";
import { type Mesh, type NodeAttestation, type Resource, type Result, success, valueOrThrow } from "#model";
import { CompanyAuthority } from "../../../test/fakes/company-authority.ts";
import { fakeDocuments } from "../../../test/fakes/documents.ts";
import { fakeJoinTokenStore } from "../../../test/fakes/join-tokens.ts";
import { instanceClaims, podClaims } from "../../../test/fakes/node-tokens.ts";
import { signingIssuer } from "../../../test/fakes/token-issuer.ts";
import { grpcIdentityService } from "../../agent/identity/grpc-identity-service.ts";
import { IdentityKeeper, type IdentityKeeperOptions } from "../../agent/identity/identity-keeper.ts";
import { type NodeProof, nodeProof } from "../../agent/node-attestation/node-proof.ts";
import { type AgentPlane, startAgentPlane } from "../agent-plane.ts";

const metadata = { namespace: "", labels: {}, annotations: {} };
const mesh: Mesh = {
  apiVersion: "heddle.dev/v1",
  kind: "Mesh",
  metadata: { ...metadata, name: "mesh" },
  spec: {
    trustDomain: "shop.example",
    svidTtlMs: 5000,
    rootNamespace: "heddle-system",
    explainDenials: true,
    traceSampling: 1,
    connectTimeoutMs: 1000,
    requestTimeoutMs: 1000,
    issuerAuthorities: [],
  },
};
let folder: string;
let company: CompanyAuthority;
let resources: Resource[];
let trail: NodeAudit[];
let plane: AgentPlane;
let keepers: IdentityKeeper[];
const tokens = fakeJoinTokenStore();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-nodes-"));
  company = await CompanyAuthority.found();
  trail = [];
  keepers = [];
  resources = [mesh, attestation()];
  await start();
  const roots = plane.identity.authority.roots.map(({ certificate }) => certificate).join("");
  await writeFile(join(folder, "roots.pem"), roots);
});
afterEach(async () => {
  for (const keeper of keepers) await keeper.stop();
  await plane.stop();
  await rm(folder, { recursive: true, force: true });
});

function attestation(): NodeAttestation {
  return {
    apiVersion: "heddle.dev/v1",
    kind: "NodeAttestation",
    metadata: { ...metadata, name: "company" },
    spec: {
      attestor: { kind: "x509pop", caCertificates: company.pem },
      identities: [{ workloads: ["edge/{commonName}"], where: { organization: ["Company"] } }],
    },
  };
}

async function start(port = 0): Promise<void> {
  plane = valueOrThrow(
    await startAgentPlane({
      address: "127.0.0.1",
      port,
      trustDomain: valueOrThrow(parseTrustDomain("shop.example")),
      authorityDirectory: join(folder, "ca"),
      tokens,
      documents: fakeDocuments(),
      registry: { load: () => Promise.resolve(success(undefined)), save: () => Promise.resolve(success(undefined)) },
      issuerKeys: { load: () => Promise.resolve(success({})), save: () => Promise.resolve(success(undefined)) },
      resources: { resources: () => resources, onChange: () => () => undefined },
      files: privateFiles,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      listener: {
        onIssued: () => undefined,
        onTokenAudit: () => undefined,
        onNodeAudit: (entry) => trail.push(entry),
        onRotation: () => undefined,
        onRefusal: () => undefined,
        onFailure: (failed) => expect(failed).toBeUndefined(),
      },
    }),
  );
}

function keeperOf(serviceAccount: string, by: Partial<IdentityKeeperOptions>): IdentityKeeper {
  const keeper = new IdentityKeeper({
    workload: { namespace: "edge", serviceAccount, instance: `${serviceAccount}-1` },
    service: grpcIdentityService({ server: `127.0.0.1:${plane.port}`, clock: systemClock }),
    joinToken: () => Promise.resolve(undefined),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    log: () => undefined,
    startTimeoutMs: 0,
    ...by,
  });
  keepers.push(keeper);
  return keeper;
}

async function host(subject: string): Promise<NodeProof> {
  const { chainPem, keyPem } = await company.host({ subject });
  const [certificate, privateKey] = [join(folder, "host.pem"), join(folder, "host.key")];
  await writeFile(certificate, chainPem);
  await writeFile(privateKey, keyPem);
  await chmod(privateKey, 0o600);
  const serverRoots = join(folder, "roots.pem");
  return nodeProof({ kind: "x509pop", serverRoots, certificate, privateKey }, privateFiles);
}

async function joinToken(serviceAccount: string): Promise<string> {
  const server = `127.0.0.1:${plane.port}`;
  const { rootHash, joinTokens } = plane.identity;
  const workloads = [{ namespace: "edge", serviceAccount }];
  return valueOrThrow(await joinTokens.create({ server, rootHash, workloads, createdBy: "test" })).text;
}

const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.problems[0].code);

test("a host joins as what its certificate says, and as nobody else", async () => {
  const node = await host("CN=host-1, O=Company");
  const identity = valueOrThrow(await keeperOf("host-1", { node }).start());
  expect(identity.spiffeId.uri).toBe("spiffe://shop.example/ns/edge/sa/host-1");
  expect(codeOf(await keeperOf("host-2", { node }).start())).toBe("HDL_ATTESTATION_IDENTITY");
  expect(trail.map(({ kind, problem }) => [kind, problem?.code])).toEqual([
    ["node-attested", undefined],
    ["node-refused", "HDL_ATTESTATION_IDENTITY"],
  ]);
  expect(trail[0]).toMatchObject({
    actor: "127.0.0.1",
    namespace: "edge",
    serviceAccount: "host-1",
    instance: "host-1-1",
  });
  expect(trail[0]?.node).toMatch(/^x509pop certificate [0-9a-f]{64}$/);
});

test("a host of another company, one without the organization, and any host once the resource is gone, do not", async () => {
  const node = await host("CN=host-1, O=Other");
  const start1 = async (): Promise<string> => codeOf(await keeperOf("host-1", { node }).start());
  expect(await start1()).toBe("HDL_ATTESTATION_IDENTITY");
  company = await CompanyAuthority.found();
  resources = [mesh, attestation()];
  expect(await start1()).toBe("HDL_ATTESTATION_EVIDENCE");
  resources = [mesh];
  expect(await start1()).toBe("HDL_ATTESTATION_NONE");
});

test("an agent tells nothing to a server that is not of the roots that it was given", async () => {
  const node = await host("CN=host-1, O=Company");
  await writeFile(join(folder, "roots.pem"), company.pem);
  expect(codeOf(await keeperOf("host-1", { node }).start())).toBe("HDL_ENROLMENT_SERVER_UNTRUSTED");
  expect(trail).toEqual([]);
  await writeFile(join(folder, "roots.pem"), encodePem("NOTHING", new Uint8Array()));
  expect(codeOf(await keeperOf("host-1", { node }).start())).toBe("HDL_AGENT_EVIDENCE");
});

test("a pod joins as its service account, by the token that it is given", async () => {
  const cluster = signingIssuer("https://cluster.example", { algorithm: "RS256" });
  const { issuer, jwks } = cluster;
  const spec = {
    attestor: { kind: "kubernetes" as const, issuer, audience: "heddle", jwks },
    identities: [{ workloads: ["edge/{serviceAccount}"], where: { namespace: ["shop"] } }],
  };
  resources = [mesh, { ...attestation(), spec }];
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, `${cluster.token(podClaims())}\n`);
  const node = nodeProof({ kind: "kubernetes", serverRoots: join(folder, "roots.pem"), tokenFile }, privateFiles);
  const identity = valueOrThrow(await keeperOf("cart", { node }).start());
  expect(identity.spiffeId.uri).toBe("spiffe://shop.example/ns/edge/sa/cart");
  expect(codeOf(await keeperOf("other", { node }).start())).toBe("HDL_ATTESTATION_IDENTITY");
  await writeFile(tokenFile, cluster.token(podClaims({ aud: ["other"] })));
  expect(codeOf(await keeperOf("cart", { node }).start())).toBe("HDL_ATTESTATION_EVIDENCE");
  await rm(tokenFile);
  expect(codeOf(await keeperOf("cart", { node }).start())).toBe("HDL_AGENT_EVIDENCE");
});

test("an instance of a cloud joins by what its metadata server says for this attempt", async () => {
  const google = signingIssuer("https://accounts.google.com", { algorithm: "RS256" });
  const spec = {
    attestor: {
      kind: "gcp" as const,
      audience: "https://heddle.example",
      jwks: google.jwks,
      projects: ["company-prod"],
    },
    identities: [{ workloads: ["edge/{instanceName}"], where: { zone: ["europe-*"] } }],
  };
  resources = [mesh, { ...attestation(), spec }];
  let recorded = "";
  const metadataServer = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const url = new URL(request.url);
      const isAsked = url.pathname === "/computeMetadata/v1/instance/service-accounts/default/identity";
      if (!isAsked || request.headers.get("metadata-flavor") !== "Google" || url.searchParams.get("format") !== "full")
        return new Response("no", { status: 403 });
      recorded ||= google.token(instanceClaims(url.searchParams.get("audience") ?? ""));
      return new Response(recorded);
    },
  });
  const settings = { kind: "gcp" as const, serverRoots: join(folder, "roots.pem"), audience: "https://heddle.example" };
  const node = nodeProof({ ...settings, metadataServer: metadataServer.url.origin }, privateFiles);
  const identity = valueOrThrow(await keeperOf("cart-1", { node }).start());
  expect(identity.spiffeId.uri).toBe("spiffe://shop.example/ns/edge/sa/cart-1");
  // The recorded one is good for no other attempt.
  expect(codeOf(await keeperOf("cart-1", { node }).start())).toBe("HDL_ATTESTATION_EVIDENCE");
  await metadataServer.stop(true);
  expect(codeOf(await keeperOf("cart-1", { node }).start())).toBe("HDL_AGENT_EVIDENCE");
});

test("who was revoked does not come back by what his node proves, but by a join token", async () => {
  const node = await host("CN=host-1, O=Company");
  const { spiffeId } = valueOrThrow(await keeperOf("host-1", { node }).start());
  valueOrThrow(await plane.identity.revoke({ spiffeId, instance: "host-1-1" }));
  expect(codeOf(await keeperOf("host-1", { node }).start())).toBe("HDL_ATTESTATION_BARRED");
  // By another name it is the same host.
  const workload = { namespace: "edge", serviceAccount: "host-1", instance: "another" };
  expect(codeOf(await keeperOf("host-1", { node, workload }).start())).toBe("HDL_ATTESTATION_BARRED");
  await host("CN=host-1, O=Company");
  expect(codeOf(await keeperOf("host-1", { node, workload }).start())).toBe("ok");
  valueOrThrow(await plane.identity.revoke({ spiffeId, instance: undefined }));
  expect(codeOf(await keeperOf("host-1", { node, workload }).start())).toBe("HDL_ATTESTATION_BARRED");
  const token = await joinToken("host-1");
  expect(codeOf(await keeperOf("host-1", { joinToken: () => Promise.resolve(token) }).start())).toBe("ok");
  expect(codeOf(await keeperOf("host-1", { node }).start())).toBe("ok");
});

test("a replica that has renewed its certificate is still known by the node that it joined by", async () => {
  const node = await host("CN=host-1, O=Company");
  const keeper = keeperOf("host-1", { node });
  const { spiffeId, notAfterMs } = valueOrThrow(await keeper.start());
  for (const endMs = Date.now() + 20_000; keeper.identity?.notAfterMs === notAfterMs && Date.now() < endMs; )
    await Bun.sleep(50);
  await systemTimers.sleep(notAfterMs + 100 - Date.now());
  valueOrThrow(await plane.identity.revoke({ spiffeId, instance: "host-1-1" }));
  const workload = { namespace: "edge", serviceAccount: "host-1", instance: "another" };
  expect(codeOf(await keeperOf("host-1", { node, workload }).start())).toBe("HDL_ATTESTATION_BARRED");
}, 30_000);

test("agents that slept past every expiry come back: by what the node proves, or by a fresh token", async () => {
  const node = await host("CN=host-1, O=Company");
  let token = await joinToken("laptop");
  const attested = keeperOf("host-1", { node });
  const tokened = keeperOf("laptop", { joinToken: () => Promise.resolve(token) });
  const ends = [valueOrThrow(await attested.start()), valueOrThrow(await tokened.start())].map(
    ({ notAfterMs }) => notAfterMs,
  );
  const { port } = plane;
  await plane.stop();
  await systemTimers.sleep(Math.max(...ends) + 1500 - Date.now());
  for (const keeper of [attested, tokened]) expect(keeper.identity?.notAfterMs ?? 0).toBeLessThan(Date.now());
  await start(port);
  token = await joinToken("laptop");
  const isBack = (keeper: IdentityKeeper): boolean => (keeper.identity?.notAfterMs ?? 0) > Date.now();
  for (const endMs = Date.now() + 20_000; ![attested, tokened].every(isBack) && Date.now() < endMs; )
    await Bun.sleep(50);
  expect([attested, tokened].map(isBack)).toEqual([true, true]);
}, 40_000);

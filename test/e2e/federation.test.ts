/** Two meshes with roots of their own call each other, by policies that name foreign principals, and each can be cut off. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type AgentSpec, LoneServer } from "../fakes/lone-server.ts";
import { freePort, until, writeFiles } from "../fakes/running-mesh.ts";
import { smallApplication } from "../fakes/small-application.ts";

const EDGE_PORT = 10001;
let west: LoneServer;
let east: LoneServer;
let westBundles: string;
let eastBundles: string;
const edge: AgentSpec = { account: "edge", address: "127.9.38.1", calls: [{ service: "small/back", port: EDGE_PORT }] };
const other: AgentSpec = { ...edge, account: "other", address: "127.9.38.2" };

const federationWith = (domain: string, endpoint: string, bundle: string): string => `
apiVersion: heddle.dev/v1
kind: Federation
metadata: { name: ${domain.split(".")[0]} }
spec:
  trustDomain: ${domain}
  bundleEndpointURL: https://${endpoint}/
  bundleEndpointProfile: { type: https_spiffe, endpointSPIFFEID: spiffe://${domain}/ns/heddle-system/sa/heddle-server }
  trustDomainBundle: ${JSON.stringify(bundle)}
`;

const POLICY = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: back-callers, namespace: small }
spec:
  selector: { matchLabels: { app: back } }
  action: ALLOW
  rules:
    - from: [{ source: { principals: ["west.example/ns/small/sa/edge"] } }]
    - from: [{ source: { namespaces: [small] } }]
`;

const ENTRY = `
apiVersion: v1
kind: Service
metadata: { name: back, namespace: small }
spec: { selector: { app: back }, ports: [{ port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: east-back
  namespace: small
  annotations: { heddle.dev/spiffe-id: spiffe://east.example/ns/small/sa/back }
spec: { address: 127.9.37.1, ports: { mesh: 15008 }, labels: { app: back } }
`;

async function ask({ address }: AgentSpec): Promise<number> {
  const asked = fetch(`http://${address}:${EDGE_PORT}/`, { signal: AbortSignal.timeout(5000) });
  return asked.then(
    async (answer) => {
      await answer.text();
      return answer.status;
    },
    () => 0,
  );
}

async function bundleOf(mesh: LoneServer): Promise<string> {
  const printed = await mesh.command("ca", "bundle");
  if (printed.status !== 0) throw new Error(printed.stderr);
  return printed.stdout.trim();
}

beforeAll(async () => {
  westBundles = `127.0.0.1:${await freePort()}`;
  eastBundles = `127.0.0.1:${await freePort()}`;
  west = new LoneServer("west.example", ["--bundle-endpoint", westBundles]);
  east = new LoneServer("east.example", ["--bundle-endpoint", eastBundles]);
  await Promise.all([west.start("1h"), east.start("1h")]);
  writeFiles(east.directory, (await smallApplication()).files);
  const back = { account: "back", address: "127.9.37.1", appPort: await freePort() };
  east.program(["env", `PORT=${back.appPort}`, "HOST=127.0.0.1", "INSTANCE=back-1", "node", "service.mjs", "back"]);
  east.agent(back, await east.token("back"));
  await east.apply(POLICY);
  await west.apply(ENTRY);
  for (const spec of [edge, other]) west.agent(spec, await west.token(spec.account));
  await until(
    "all serve",
    async () => {
      const ready = await Promise.all([east.isAgentReady(back), west.isAgentReady(edge), west.isAgentReady(other)]);
      return ready.every(Boolean);
    },
    30_000,
  );
}, 60_000);

afterAll(async () => {
  await west.remove();
  await east.remove();
}, 20_000);

test("strangers do not call each other", async () => {
  expect(await ask(edge)).toBe(503);
});

test("once each trusts the other's bundle, the principal that the policy names may call, and nobody else of that mesh", async () => {
  await west.apply(federationWith("east.example", eastBundles, await bundleOf(east)));
  expect(await ask(edge)).toBe(503);
  await east.apply(federationWith("west.example", westBundles, await bundleOf(west)));
  await until("the edge of the west reaches the east", async () => (await ask(edge)) === 200, 10_000);
  // Its namespace bears the name that the policy lets in, in another trust domain.
  expect(await ask(other)).toBe(403);
}, 30_000);

test("a rotation of the root on one side is followed by the other without a lost call", async () => {
  const rotated = await east.command("ca", "rotate", "--root", "--no-wait");
  expect(rotated.stderr).toBe("");
  const statuses = new Set<number>();
  const settled = async (): Promise<boolean> => {
    statuses.add(await ask(edge));
    const { phase } = await east.api<{ phase: string }>("/api/v1/authority");
    return phase === "settled";
  };
  await until("the rotation is over", settled, 60_000);
  for (let again = 0; again < 20; again++) statuses.add(await ask(edge));
  expect([...statuses]).toEqual([200]);
}, 90_000);

test("each side cuts the other off by deleting what it trusts, without a restart, and lets it in again", async () => {
  for (const [mesh, domain, endpoint, from] of [
    [east, "west.example", westBundles, west],
    [west, "east.example", eastBundles, east],
  ] as const) {
    const deleted = await mesh.command("delete", "federation", domain.split(".")[0] ?? "");
    expect([deleted.status, deleted.stderr]).toEqual([0, ""]);
    const tookMs = await until(`${domain} is cut off`, async () => (await ask(edge)) === 503, 3000);
    console.log(`${domain} cut off in ${Math.round(tookMs)} ms`);
    await mesh.apply(federationWith(domain, endpoint, await bundleOf(from)));
    await until(`${domain} is let in again`, async () => (await ask(edge)) === 200, 10_000);
  }
}, 60_000);

test("who is revoked in its own mesh is refused by the other within seconds, on the connection that is open too", async () => {
  expect(await ask(edge)).toBe(200);
  const revoked = await west.command("ca", "revoke", "small/edge");
  expect([revoked.status, revoked.stderr]).toEqual([0, ""]);
  const tookMs = await until("the east refuses it", async () => (await ask(edge)) !== 200, 12_000);
  console.log(`refused by the other mesh in ${Math.round(tookMs)} ms`);
  for (let again = 0; again < 5; again++) expect(await ask(edge)).toBe(503);
  // Somebody else of that mesh is still known, and not let in.
  expect(await ask(other)).toBe(403);
}, 30_000);

/**
 * Stands in for `heddle server` and `heddle agent` where only what is around them is tested: the server hands out join tokens and
 * takes resources, the agent wants a fresh token on standard input and becomes ready. Run as `bun heddle.ts server|agent …`.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const SECRET = "fake-admin-credential";
const tokens = new Set<string>();

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/readyz") return new Response("ok");
  if (pathname === "/fake/redeem") return new Response("", { status: tokens.delete(await request.text()) ? 200 : 403 });
  if (request.headers.get("authorization") !== `Bearer ${SECRET}`) return new Response("{}", { status: 401 });
  if (pathname === "/api/v1/apply") return Response.json({ revision: 1 });
  if (pathname !== "/api/v1/tokens") return new Response("{}", { status: 404 });
  const token = crypto.randomUUID();
  tokens.add(token);
  return Response.json({ token });
}

function runServer(args: string[]): void {
  const options = { api: { type: "string" }, data: { type: "string" } } as const;
  const { values } = parseArgs({ args, options, strict: false });
  const [hostname, port] = String(values["api"]).split(":");
  const data = String(values["data"]);
  Bun.serve({ hostname: hostname ?? "127.0.0.1", port: Number(port), fetch: answer });
  mkdirSync(data, { recursive: true });
  const access = JSON.stringify({ url: `http://${values["api"]}`, token: SECRET });
  writeFileSync(`${data}/admin.json`, access, { mode: 0o600 });
}

async function runAgent(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { config: { type: "string" } } });
  const config = JSON.parse(readFileSync(values.config ?? "", "utf8"));
  const token = (await Bun.stdin.text()).trim();
  // The fake's API listens one port below the one for agents.
  const [host, port] = config.server.split(":");
  const redeemed = await fetch(`http://${host}:${Number(port) - 1}/fake/redeem`, { method: "POST", body: token });
  if (!redeemed.ok) {
    console.error(`the join token was refused: ${redeemed.status}`);
    process.exit(1);
  }
  console.log(JSON.stringify({ level: 30, msg: "enrolled", instance: config.instance }));
  Bun.serve({ hostname: config.admin.address, port: config.admin.port, fetch: () => new Response("ok") });
  for (const { address, port: outbound } of config.outbound) {
    Bun.serve({ hostname: address, port: outbound, fetch: () => new Response("outbound") });
  }
}

const [role, ...rest] = process.argv.slice(2);
if (role === "server") runServer(rest);
else await runAgent(rest);

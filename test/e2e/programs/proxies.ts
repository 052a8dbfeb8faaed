/**
 * Two agents in a process of their own, before the app at the port that is the first argument; the second has their limits as JSON.
 * Prints where they listen and a certificate that they accept; answers each line of its input with its memory, in bytes, `drain` by
 * draining first.
 */
import { createInterface } from "node:readline";
import { authority, endpointAt, startClientSide, startServerSide } from "../../fakes/proxy-pair.ts";
import type { ProxiesReport, ProxiesStart } from "./reports.ts";

const [appPort = "0", limitsText = "{}"] = process.argv.slice(2);
const limits = { handshakeTimeoutMs: 10_000, handshakesMax: 1024, ...JSON.parse(limitsText) };
const server = startServerSide(Number(appPort), { protocol: "http1", limits });
const client = startClientSide({ endpoints: [endpointAt(server.port)], limits });
const { certificateChainPem, privateKeyPem, authoritiesPem } = authority.identity("shop/other");

function say(report: ProxiesStart | ProxiesReport): void {
  console.log(JSON.stringify(report));
}

say({ app: client.port, mesh: server.port, identity: { certificateChainPem, privateKeyPem, authoritiesPem } });

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "drain") {
    await client.proxy.drain(5000);
    await server.proxy.drain(5000);
  }
  if (line === "collect") Bun.gc(true);
  say({ rss: process.memoryUsage.rss(), connections: client.proxy.state().services[0]?.callerConnections ?? 0 });
}
process.exit(0);

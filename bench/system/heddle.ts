/** Heddle's pair: two processes, each a workload's proxy with everything on. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startServer } from "./children.ts";
import type { SideSettings } from "./heddle-side.ts";
import { type Pair, type Peer, type Place, pairOf } from "./peer.ts";

const SIDE = join(import.meta.dir, "heddle-side.ts");

async function startPair({ folder, certificates, carries, appPort, size }: Place): Promise<Pair> {
  const { client, server, bundle } = certificates;
  const authorities = bundle.authorities.map((der) => Buffer.from(der).toString("base64"));
  const side = async (name: string, settings: Omit<SideSettings, "bundle" | "carries" | "size">) => {
    const file = join(folder, `heddle-${name}.json`);
    const whole: SideSettings = { ...settings, carries, size, bundle: { ...bundle, authorities } };
    writeFileSync(file, JSON.stringify(whole), { mode: 0o600 });
    return startServer([process.execPath, SIDE, file]);
  };
  const inbound = await side("b", { identity: server, appPort });
  const peer = { port: Number(inbound.said), spiffeId: server.spiffeId };
  const outbound = await side("a", { identity: client, peer });
  return pairOf(Number(outbound.said), [outbound, inbound]);
}

export const heddle: Peer = {
  name: "heddle",
  about: "HTTP/2 between the two; a policy of 20 rules, telemetry on both sides, 1 % of traces sampled",
  layer: 7,
  carries: ["http1", "grpc", "tcp"],
  async find() {
    const { version } = JSON.parse(readFileSync(join(import.meta.dir, "../../package.json"), "utf8"));
    return { kind: "found", version };
  },
  start: startPair,
};

/** What a pair keeps in memory: before its first request, with many connections open, and after it was under load. */
import type { Metric } from "../report.ts";
import { pathOf } from "./app.ts";
import type { Case, Measurement, Turn } from "./case.ts";
import { openConnections } from "./connections.ts";
import { SMALL } from "./peer.ts";
import { resident } from "./usage.ts";
import { closedLoop } from "./wrk.ts";

const CONNECTIONS = 1000;
/** For what is let go of a moment later. */
const SETTLE_MS = 1500;

/** For both proxies, so twice what one agent may take: 60 MB idle, 110 MB with the connections open. */
const metric = (name: string, limit: number): Metric => ({
  name,
  unit: "MiB",
  better: "lower",
  target: { kind: "value", limit, source: "twice the bound of one agent" },
});

async function measure({ pair, folder, seconds }: Turn): Promise<Measurement> {
  const path = pathOf(1024);
  const settled = async () => {
    await Bun.sleep(SETTLE_MS);
    return resident(pair.pids);
  };
  const idle = await settled();
  const { failed, close } = await openConnections({ port: pair.port, path, count: CONNECTIONS });
  const open = await settled();
  close();
  const loop = await closedLoop(folder, { url: `http://127.0.0.1:${pair.port}${path}`, connections: 64, seconds });
  const loaded = await settled();
  return {
    command: `${CONNECTIONS} connections with one request each, then ${loop.command}`,
    values: { idle: idle.rssMiB, open: open.rssMiB, loaded: loaded.rssMiB },
    raw: { idlePssMiB: idle.pssMiB, openPssMiB: open.pssMiB, loadedPssMiB: loaded.pssMiB },
    failed: failed + loop.failed,
  };
}

export const MEMORY: Case = {
  name: "memory",
  title: `resident memory of both proxies: idle, with ${CONNECTIONS} connections open, after load`,
  metrics: [metric("idle", 114), metric("open", 210), metric("loaded", 210)],
  carries: "http1",
  size: SMALL,
  tools: ["wrk"],
  startsFresh: true,
  needsSaturation: false,
  measure,
};

/** A rate that all can bear: what it costs, and how long answers take when nobody is pushed. */
import { pathOf } from "./app.ts";
import { type Case, CPU_PER_SECOND, type Measurement, P50, P99, type Turn } from "./case.ts";
import { BEGINNING_MS, openLoop, possibleRate } from "./h2load.ts";
import { SMALL } from "./peer.ts";
import { cpuSeconds } from "./usage.ts";

/** A second of such a load has few steps of the kernel's CPU clock; twice the usual time has twice as many. */
const LONGER = 2;
const BODY_BYTES = 1024;

async function measure(perSecond: number, { pair, folder, seconds }: Turn): Promise<Measurement> {
  const url = `http://127.0.0.1:${pair.port}${pathOf(BODY_BYTES)}`;
  const [before, loop] = await Promise.all([
    Bun.sleep(BEGINNING_MS).then(() => cpuSeconds(pair.pids)),
    openLoop(folder, { url, perSecond, seconds: seconds * LONGER, bodyBytes: BODY_BYTES }),
  ]);
  const usedSeconds = cpuSeconds(pair.pids) - before;
  const { requests, maxUs, late, failed, command } = loop;
  return {
    command,
    values: { cpu: (usedSeconds * 1000) / loop.seconds, p50: loop.p50Us, p99: loop.p99Us },
    raw: { requests, seconds: loop.seconds, cpuSeconds: usedSeconds, maxUs, late },
    failed,
  };
}

const SHARE_OF_SLOWEST = 0.4;

export const OPEN_LOOP_CASES: readonly Case[] = [
  {
    name: "open-1000",
    title: "1 KiB, 1,000 requests/s over 16 connections, open loop",
    metrics: [CPU_PER_SECOND, P50, P99],
    carries: "http1",
    size: SMALL,
    tools: ["h2load"],
    startsFresh: false,
    needsSaturation: false,
    measure: (turn) => measure(1000, turn),
  },
  {
    name: "open-40",
    title: "1 KiB, 40 % of what the slowest reaches in the core case, open loop",
    metrics: [P99, P50, CPU_PER_SECOND],
    carries: "http1",
    size: SMALL,
    tools: ["h2load", "wrk"],
    startsFresh: false,
    needsSaturation: true,
    measure: (turn) => measure(possibleRate(turn.slowestPerSecond * SHARE_OF_SLOWEST), turn),
  },
];

/** As much as goes: every connection asks again as soon as it is answered. */
import type { Metric } from "../report.ts";
import { type BodyBytes, pathOf } from "./app.ts";
import { type Case, CPU_PER_REQUEST, type Measurement, P50, THROUGHPUT, type Turn } from "./case.ts";
import { cpuSeconds } from "./usage.ts";
import { closedLoop } from "./wrk.ts";

interface Load {
  readonly connections: number;
  readonly bytes: BodyBytes;
}

async function measure({ connections, bytes }: Load, { pair, folder, seconds }: Turn): Promise<Measurement> {
  const url = `http://127.0.0.1:${pair.port}${pathOf(bytes)}`;
  const before = cpuSeconds(pair.pids);
  const { command, requests, failed, ...loop } = await closedLoop(folder, { url, connections, seconds });
  const usedSeconds = cpuSeconds(pair.pids) - before;
  return {
    command,
    values: { throughput: loop.perSecond, p50: loop.p50Us, cpu: (usedSeconds * 1e6) / requests },
    raw: { requests, cpuSeconds: usedSeconds, p99Us: loop.p99Us },
    failed,
  };
}

type Shown = Pick<Case, "name" | "title"> & { readonly metrics: readonly Metric[] };

const closedLoopCase = (load: Load, shown: Shown): Case => ({
  ...shown,
  startsFresh: false,
  needsSaturation: false,
  measure: (turn) => measure(load, turn),
});

/** The case that everything else is compared with; also tells the saturation for others. */
export const CORE = closedLoopCase(
  { connections: 64, bytes: 1024 },
  { name: "core", title: "1 KiB, 64 connections, closed loop", metrics: [CPU_PER_REQUEST, THROUGHPUT] },
);

const ONE = closedLoopCase(
  { connections: 1, bytes: 1024 },
  { name: "one", title: "1 KiB, one connection, closed loop", metrics: [P50] },
);

export const CLOSED_LOOP_CASES: readonly Case[] = [CORE, ONE];

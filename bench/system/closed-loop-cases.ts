/** As much as goes: every connection asks again as soon as it is answered. */
import { type BodyBytes, pathOf } from "./app.ts";
import {
  BYTES_PER_CPU,
  type Case,
  CPU_PER_REQUEST,
  type Measurement,
  P50,
  THROUGHPUT,
  type Turn,
  within,
} from "./case.ts";
import { type Size, SMALL } from "./peer.ts";
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
    values: {
      throughput: loop.perSecond,
      p50: loop.p50Us,
      cpu: (usedSeconds * 1e6) / requests,
      bytes: (requests * bytes) / usedSeconds / 1e6,
    },
    raw: { requests, cpuSeconds: usedSeconds, p99Us: loop.p99Us },
    failed,
  };
}

type Shown = Pick<Case, "name" | "title" | "metrics"> & Partial<Pick<Case, "carries" | "size">>;

const closedLoopCase = (load: Load, shown: Shown): Case => ({
  carries: "http1",
  size: SMALL,
  ...shown,
  tools: ["wrk"],
  startsFresh: false,
  needsSaturation: false,
  measure: (turn) => measure(load, turn),
});

/** The case that everything else is compared with; also tells the saturation for others. */
export const CORE = closedLoopCase(
  { connections: 64, bytes: 1024 },
  {
    name: "core",
    title: "1 KiB, 64 connections, closed loop",
    metrics: [within(CPU_PER_REQUEST, 0.8), within(THROUGHPUT, 1.25)],
  },
);

const overConnections = (connections: number, title: string): Case =>
  closedLoopCase(
    { connections, bytes: 1024 },
    {
      name: `connections-${connections}`,
      title: `1 KiB, ${title}, closed loop`,
      metrics: connections === 1 ? [P50, CPU_PER_REQUEST, THROUGHPUT] : [CPU_PER_REQUEST, THROUGHPUT],
    },
  );

const overBytes = (bytes: BodyBytes, title: string): Case =>
  closedLoopCase(
    { connections: 64, bytes },
    { name: `body-${bytes}`, title: `${title}, 64 connections, closed loop`, metrics: [CPU_PER_REQUEST, THROUGHPUT] },
  );

const overSize = (name: string, title: string, size: Partial<Size>): Case =>
  closedLoopCase(
    { connections: 64, bytes: 1024 },
    {
      name,
      title: `1 KiB, 64 connections, ${title}, closed loop`,
      metrics: [CPU_PER_REQUEST, THROUGHPUT],
      size: { ...SMALL, ...size },
    },
  );

/** 64 connections and 1 KiB, which belong to all series, are the core case. */
export const CLOSED_LOOP_CASES: readonly Case[] = [
  CORE,
  overConnections(1, "one connection"),
  overConnections(8, "8 connections"),
  overConnections(512, "512 connections"),
  overBytes(0, "empty answers"),
  overBytes(65_536, "64 KiB"),
  overBytes(1_048_576, "1 MiB"),
  overSize("routes-10", "10 routes by path", { routes: 10 }),
  overSize("routes-1000", "1,000 routes by path", { routes: 1000 }),
  overSize("endpoints-10", "10 endpoints", { endpoints: 10 }),
  overSize("endpoints-100", "100 endpoints", { endpoints: 100 }),
  closedLoopCase(
    { connections: 64, bytes: 1024 },
    {
      name: "tcp",
      title: "bytes as they are, 1 KiB answers, 64 connections, closed loop",
      metrics: [CPU_PER_REQUEST, THROUGHPUT],
      carries: "tcp",
    },
  ),
  closedLoopCase(
    { connections: 8, bytes: 1_048_576 },
    {
      name: "tcp-bulk",
      title: "bytes as they are, 1 MiB answers, 8 connections, closed loop",
      metrics: [within(BYTES_PER_CPU, 0.8), THROUGHPUT],
      carries: "tcp",
    },
  ),
];

/** Unary gRPC calls over HTTP/2 from end to end. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GRPC_ANSWER_BYTES, GRPC_PATH, grpcMessage } from "./app.ts";
import { type Case, CPU_PER_REQUEST, type Measurement, THROUGHPUT, type Turn, within } from "./case.ts";
import { streams } from "./h2load.ts";
import { SMALL } from "./peer.ts";
import { cpuSeconds } from "./usage.ts";

const REQUEST_BYTES = 64;

function requestFile(folder: string): string {
  const file = join(folder, "grpc-request");
  if (!existsSync(file)) writeFileSync(file, grpcMessage(REQUEST_BYTES));
  return file;
}

async function measure({ pair, folder, seconds }: Turn): Promise<Measurement> {
  const url = `http://127.0.0.1:${pair.port}${GRPC_PATH}`;
  const before = cpuSeconds(pair.pids);
  const load = await streams({ url, seconds, requestFile: requestFile(folder), bodyBytes: GRPC_ANSWER_BYTES });
  const usedSeconds = cpuSeconds(pair.pids) - before;
  const { command, requests, failed } = load;
  return {
    command,
    values: { throughput: requests / seconds, cpu: (usedSeconds * 1e6) / requests },
    raw: { requests, cpuSeconds: usedSeconds },
    failed,
  };
}

export const GRPC: Case = {
  name: "grpc",
  title: "unary gRPC calls, 64 bytes there and 1 KiB back, 8 connections with 8 calls each, closed loop",
  metrics: [within(CPU_PER_REQUEST, 0.7), THROUGHPUT],
  carries: "grpc",
  size: SMALL,
  tools: ["h2load", "nginx"],
  startsFresh: false,
  needsSaturation: false,
  measure,
};

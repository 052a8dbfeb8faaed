/** h2load at a fixed rate: requests are sent when they are due, whether or not others have been answered. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { quantile } from "../statistics.ts";
import { run } from "./children.ts";

export interface OpenLoop {
  readonly url: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** Of each answer. */
  readonly bodyBytes: number;
}

export interface OpenLoopOutcome {
  readonly command: string;
  readonly requests: number;
  /** From the end of the beginning to the last request. */
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Requests that took longer than a connection's interval: the next of that connection was held back. */
  readonly late: number;
  readonly failed: number;
}

/** A connection's share. It asks every 16 ms, and h2load's clock has no finer steps than 10 ms. */
const PER_CONNECTION = 62.5;
/** The beginning, in which peers open connections of their own, counts for nothing but failures. */
export const BEGINNING_MS = 500;
const INTERVAL_MS = 1000 / PER_CONNECTION;

interface Row {
  readonly startUs: number;
  readonly status: number;
  readonly tookUs: number;
}

function readLog(path: string): readonly Row[] {
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [startUs = 0, status = 0, tookUs = 0] = line.split("\t").map(Number);
    return { startUs, status, tookUs };
  });
}

/** The nearest rate to the wanted one that whole connections make. */
export function possibleRate(perSecond: number): number {
  return Math.max(1, Math.round(perSecond / PER_CONNECTION)) * PER_CONNECTION;
}

/**
 * Connections are opened spread over one interval, and so their requests are spread too. All at once they would ask in bursts, which
 * would favour whoever gathers writes.
 */
export async function openLoop(folder: string, wanted: OpenLoop): Promise<OpenLoopOutcome> {
  const { url, perSecond, seconds, bodyBytes } = wanted;
  const connections = possibleRate(perSecond) / PER_CONNECTION;
  const requests = connections * Math.ceil(PER_CONNECTION * (seconds + BEGINNING_MS / 1000));
  const openedEachMs = Math.ceil(connections / INTERVAL_MS);
  const options = `--h1 -c${connections} -n${requests} -r${openedEachMs} --rate-period=1ms --rps=${PER_CONNECTION}`;
  const log = join(folder, "h2load.log");
  rmSync(log, { force: true });
  const { ok, output } = await run(["h2load", ...options.split(" "), `--log-file=${log}`, url]);
  if (!ok) throw new Error(`h2load ${options} ${url} failed`);
  const rows = readLog(log);
  const starts = rows.map(({ startUs }) => startUs).toSorted((a, b) => a - b);
  const fromUs = (starts[0] ?? 0) + BEGINNING_MS * 1000;
  const counted = rows.filter(({ startUs }) => startUs >= fromUs);
  const took = counted.map(({ tookUs }) => tookUs);
  return {
    command: `h2load ${options} ${new URL(url).pathname}`,
    requests: counted.length,
    seconds: ((starts.at(-1) ?? 0) - fromUs) / 1e6,
    p50Us: quantile(took, 0.5),
    p99Us: quantile(took, 0.99),
    maxUs: quantile(took, 1),
    late: took.filter((us) => us > INTERVAL_MS * 1000).length,
    failed: requests - answered({ rows, output, bodyBytes }),
  };
}

interface Answers {
  readonly rows: readonly Row[];
  readonly output: string;
  readonly bodyBytes: number;
}

/**
 * h2load takes no status from `HTTP/1.1 200 ` without a reason, which is what HAProxy makes of an HTTP/2 answer. Such answers
 * count if together they have all the bytes that they should.
 */
function answered({ rows, output, bodyBytes }: Answers): number {
  const good = rows.filter(({ status }) => status === 200).length;
  const unread = rows.filter(({ status }) => status === 0).length;
  const dataBytes = Number(/\((\d+)\) data$/m.exec(output)?.[1] ?? 0);
  return dataBytes === (good + unread) * bodyBytes ? good + unread : good;
}

export interface Calls {
  readonly url: string;
  readonly seconds: number;
  /** Holds what every request carries. */
  readonly requestFile: string;
  /** Of each answer. */
  readonly bodyBytes: number;
}

export interface CallsOutcome {
  readonly command: string;
  readonly requests: number;
  readonly failed: number;
}

/** gRPC calls in a closed loop: 8 connections, each with 8 streams. */
export async function streams({ url, seconds, requestFile, bodyBytes }: Calls): Promise<CallsOutcome> {
  const options = `-c8 -m8 -D${seconds}`;
  const fields = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
  const { ok, output } = await run(["h2load", ...options.split(" "), ...fields, "-d", requestFile, url]);
  const [, done = 0, good = 0] = /^requests: .* (\d+) done, (\d+) succeeded/m.exec(output)?.map(Number) ?? [];
  if (!ok || done === 0) throw new Error(`h2load ${options} ${url} measured nothing`);
  // A call that fails in gRPC's terms has status 200 and no message.
  const dataBytes = Number(/\((\d+)\) data$/m.exec(output)?.[1] ?? 0);
  const whole = Math.min(good, Math.floor(dataBytes / bodyBytes));
  return { command: `h2load ${options} (gRPC) ${new URL(url).pathname}`, requests: done, failed: done - whole };
}

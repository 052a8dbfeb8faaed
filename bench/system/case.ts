/** One thing to measure: how, in which figures, and what they should reach. */
import type { Carried, Metric, Target } from "../report.ts";
import type { Pair, Size } from "./peer.ts";

/** One peer's turn. */
export interface Turn {
  readonly pair: Pair;
  readonly folder: string;
  readonly seconds: number;
  /** Requests per second that the slowest peer reaches with 64 connections and 1 KiB; only for cases that need it. */
  readonly slowestPerSecond: number;
}

/** What one turn gave: a value for each metric of the case, and the evidence. */
export interface Measurement {
  readonly command: string;
  readonly values: Readonly<Record<string, number>>;
  readonly raw: Readonly<Record<string, number | string>>;
  readonly failed: number;
}

export type Tool = "wrk" | "h2load" | "nginx";

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly metrics: readonly Metric[];
  readonly carries: Carried;
  readonly size: Size;
  /** Programs without which it cannot be measured. */
  readonly tools: readonly Tool[];
  /** Whether every turn begins with processes that have done nothing yet. */
  readonly startsFresh: boolean;
  /** Whether it needs the saturation of every peer to be known. */
  readonly needsSaturation: boolean;
  measure(turn: Turn): Promise<Measurement>;
}

/** What is not promised to be better than equal. */
const EQUAL: Target = { kind: "ratio", limit: 1 };

/** The metric with the bound that a case promises, Heddle ÷ peer. */
export function within(metric: Metric, limit: number): Metric {
  return { ...metric, target: { kind: "ratio", limit } };
}

/** CPU time of both proxies for one request. */
export const CPU_PER_REQUEST: Metric = { name: "cpu", unit: "µs/request", better: "lower", target: EQUAL };
/** CPU time of both proxies in a second. */
export const CPU_PER_SECOND: Metric = { name: "cpu", unit: "ms/s", better: "lower", target: EQUAL };
/** Bytes of answers for a second of both proxies' CPU. */
export const BYTES_PER_CPU: Metric = { name: "bytes", unit: "MB/CPU s", better: "higher", target: EQUAL };
export const THROUGHPUT: Metric = { name: "throughput", unit: "requests/s", better: "higher", target: EQUAL };
export const P50: Metric = { name: "p50", unit: "µs", better: "lower", target: EQUAL };
export const P99: Metric = { name: "p99", unit: "µs", better: "lower", target: EQUAL };

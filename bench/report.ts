/** The JSON that a run leaves: what was measured, where, with which commands, and every single round. */

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: "lower" | "higher";
  readonly target: Target;
}

/** What a figure should reach: a ratio Heddle ÷ peer against every peer that does the same work, or a value by itself. */
export type Target =
  | { readonly kind: "ratio"; readonly limit: number }
  | { readonly kind: "value"; readonly limit: number; readonly source: string };

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly engine: string;
  /** Of the project's checkout, with a mark when it had changes of its own. */
  readonly commit: string;
}

export interface PeerAbout {
  readonly name: string;
  readonly version: string;
  /** How its pair is set up, and what it does not do that Heddle does. */
  readonly about: string;
  /** Whether it reads the requests that it carries. */
  readonly layer: 4 | 7;
}

/** What a case sends through the pairs. */
export type Carried = "http1" | "grpc" | "tcp";

/** One measurement of one peer. */
export interface Run {
  readonly round: number;
  readonly peer: string;
  readonly command: string;
  readonly values: Readonly<Record<string, number>>;
  /** What else the tools said, as evidence. */
  readonly raw: Readonly<Record<string, number | string>>;
  /** Requests that did not end with the expected answer; any makes the run worthless. */
  readonly failed: number;
  /** Cores used meanwhile by processes that do not belong to the benchmark. */
  readonly othersCores: number;
}

export interface PeerValue {
  readonly name: string;
  readonly version: string;
  readonly value: number;
  /** Heddle ÷ peer. */
  readonly ratio: number;
}

/** One metric of one case. */
export interface CaseReport {
  /** `case/metric`. */
  readonly name: string;
  readonly case: string;
  readonly title: string;
  readonly carries: Carried;
  readonly metric: string;
  readonly unit: string;
  readonly better: "lower" | "higher";
  readonly target: Target;
  /** Median of the rounds. */
  readonly heddle: number;
  readonly peers: readonly PeerValue[];
  readonly runs: readonly Run[];
  /** Measured as well, but not counted, because others used the machine meanwhile and a quieter try was had. */
  readonly disturbed: readonly Run[];
}

export interface Report {
  readonly startedAt: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly roundSeconds: number;
  readonly machine: Machine;
  readonly tools: Readonly<Record<string, string>>;
  readonly peers: readonly PeerAbout[];
  /** Peers and cases that were left out, each with its reason. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  readonly cases: readonly CaseReport[];
}

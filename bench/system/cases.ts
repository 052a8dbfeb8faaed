/** Everything that is measured beside peers. One entry adds a case. */
import type { AwaitedCase, Case } from "./case.ts";
import { CLOSED_LOOP_CASES } from "./closed-loop-cases.ts";
import { MEMORY } from "./memory-case.ts";
import { OPEN_LOOP_CASES } from "./open-loop-cases.ts";

export const CASES: readonly Case[] = [...CLOSED_LOOP_CASES, ...OPEN_LOOP_CASES, MEMORY];

/** Waiting for the product; each becomes a case above. */
export const AWAITED: readonly AwaitedCase[] = [
  { name: "tcp", reason: "not supported yet by Heddle" },
  { name: "grpc", reason: "not supported yet by Heddle" },
];

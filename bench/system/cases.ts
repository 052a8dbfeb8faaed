/** Everything that is measured beside peers. One entry adds a case. */
import type { Case } from "./case.ts";
import { CLOSED_LOOP_CASES } from "./closed-loop-cases.ts";
import { GRPC } from "./grpc-case.ts";
import { MEMORY } from "./memory-case.ts";
import { OPEN_LOOP_CASES } from "./open-loop-cases.ts";

export const CASES: readonly Case[] = [...CLOSED_LOOP_CASES, GRPC, ...OPEN_LOOP_CASES, MEMORY];

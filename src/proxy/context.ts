/** What all parts of one data plane share. Tables and identity are read afresh by each request: replacing them is one assignment. */
import type { Clock, Timers } from "#engine/time";
import type { TlsIdentity } from "#identity";
import type { Recorder } from "#telemetry/record";
import type { AdmittedLinks } from "./admitted-links.ts";
import type { Deadlines } from "./deadlines.ts";
import type { ProxyLimits } from "./limits.ts";
import type { Overload } from "./overload.ts";
import type { ProxyTables, ProxyWorkload } from "./tables.ts";
import type { TraceIds } from "./trace-ids.ts";
import type { TurnFlusher } from "./turn-flusher.ts";

export interface ProxyContext {
  readonly workload: ProxyWorkload;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly recorder: Recorder;
  readonly limits: ProxyLimits;
  readonly flusher: TurnFlusher;
  /** For what may take a while: by a clock that never jumps. */
  readonly deadlines: Deadlines;
  /** For what ends at a date: certificates. */
  readonly expiries: Deadlines;
  readonly links: AdmittedLinks;
  readonly overload: Overload;
  readonly traceIds: TraceIds;
  readonly random: () => number;
  tables: ProxyTables;
  identity: TlsIdentity;
  isDraining: boolean;
}

/** A part that holds a socket and can be told to finish. */
export interface Closable {
  /** Finishes what has begun, takes nothing new, and closes when it is idle. */
  drain(): void;
  destroy(): void;
}

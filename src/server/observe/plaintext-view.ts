import type { PlaintextView } from "#api";
import { nodeIdOf } from "#telemetry";
import type { SeenEdge } from "#telemetry/store";

export interface PlaintextQuestion {
  readonly nowMs: number;
  readonly windowMs: number;
  readonly seen: readonly SeenEdge[];
  /** Namespaces whose traffic the asker may see. */
  readonly isSeen: (namespace: string) => boolean;
}

type Caller = PlaintextView["callers"][number];

/** Who still calls without TLS, as the destinations' agents saw it: those who call most first. */
export function plaintextViewOf({ nowMs, windowMs, seen, isSeen }: PlaintextQuestion): PlaintextView {
  const callers = new Map<string, Caller>();
  for (const { edge, count, lastSeenMs } of seen) {
    if (edge.mtls || edge.reporter !== "destination" || !isSeen(edge.destination.namespace)) continue;
    const [address, destination] = [edge.source.instance, nodeIdOf(edge.destination)];
    const key = `${address}\n${destination}`;
    const known = callers.get(key);
    callers.set(key, {
      address,
      destination,
      requests: (known?.requests ?? 0) + count,
      lastSeenMs: Math.max(known?.lastSeenMs ?? 0, lastSeenMs),
    });
  }
  return {
    generatedAtMs: nowMs,
    windowMs,
    callers: [...callers.values()].sort((a, b) => b.requests - a.requests || a.address.localeCompare(b.address)),
  };
}

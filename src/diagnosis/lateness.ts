/** Agents that could not keep up, by what they say of themselves: each second in which their own timers came late is a note. */
import type { Compared } from "./load.ts";
import type { AgentNote, KnownNodes } from "./observation.ts";

export interface LateAgents {
  /** Nodes most of whose agents were late in most seconds, with the share of the seconds; they were not before. */
  readonly nodes: ReadonlyMap<string, number>;
  /** Whether nearly all agents were: then it is not theirs, but the hosts'. */
  readonly areAll: boolean;
}

const LATE_SHARE = 0.4;
const LATE_BEFORE = 0.2;
const ALL_SHARE = 0.7;
const AGENTS_MIN = 3;

export function lateAgents(
  { before, now, beforeSeconds, nowSeconds }: Compared,
  replicas: KnownNodes["replicas"],
): LateAgents {
  const [old, fresh] = [lateSeconds(before.notes), lateSeconds(now.notes)];
  const isLate = (instance: string): boolean =>
    (fresh.get(instance) ?? 0) >= nowSeconds * LATE_SHARE && (old.get(instance) ?? 0) <= beforeSeconds * LATE_BEFORE;
  const all = [...replicas.values()].flat().map(({ instance }) => instance);
  const areAll = all.length >= AGENTS_MIN && all.filter(isLate).length >= all.length * ALL_SHARE;
  const nodes = new Map<string, number>();
  for (const [node, known] of replicas) {
    const late = known.filter(({ instance }) => isLate(instance));
    if (late.length * 2 <= known.length) continue;
    const seconds = late.reduce((sum, { instance }) => sum + (fresh.get(instance) ?? 0), 0);
    nodes.set(node, Math.min(1, seconds / late.length / nowSeconds));
  }
  return { nodes, areAll };
}

function lateSeconds(notes: readonly AgentNote[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, instance } of notes)
    if (kind === "agent-late") counts.set(instance, (counts.get(instance) ?? 0) + 1);
  return counts;
}

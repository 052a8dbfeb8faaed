import { type EdgeTotals, nodeIdOf } from "#telemetry";
import { type Attribution, type Part, type PartStatistics, partKey } from "./attribution.ts";

interface EdgeSide {
  count: number;
  agentUs: number;
  restUs: number;
}

interface EdgeSum {
  readonly from: string;
  readonly to: string;
  readonly source: EdgeSide;
  readonly destination: EdgeSide;
}

/**
 * Latency by part from counters alone, for programs that do not forward trace context: calls are taken to follow one another,
 * and to spread evenly over what entered. Knows neither replicas nor variance.
 */
export function estimateLatency(top: string, totals: readonly EdgeTotals[]): Attribution {
  const edges = sumEdges(totals);
  const parts = new Map<string, PartStatistics>();
  const entering = edges.filter((edge) => edge.to === top);
  const walk = new Walk(edges, parts);
  const entries = entering.reduce((sum, edge) => sum + countOf(edge), 0);
  if (entering.length > 0) for (const edge of entering) walk.into(edge, countOf(edge) / Math.max(1, entries), []);
  else walk.outOf(top, 1, []);
  const meanMs = [...parts.values()].reduce((sum, part) => sum + part.perEntryMs, 0);
  const made = edges.filter((edge) => edge.from === top).reduce((sum, edge) => sum + countOf(edge), 0);
  return { entries: entering.length > 0 ? entries : made, meanMs, parts };
}

class Walk {
  readonly #edges: readonly EdgeSum[];
  readonly #parts: Map<string, PartStatistics>;

  constructor(edges: readonly EdgeSum[], parts: Map<string, PartStatistics>) {
    this.#edges = edges;
    this.#parts = parts;
  }

  /** `visits` calls per entry request pass over the edge; `path` stops a walk around a cycle. */
  into(edge: EdgeSum, visits: number, path: readonly string[]): void {
    if (path.includes(edge.to) || path.length > 16) return;
    const { source, destination } = edge;
    const client = mean(source.restUs, source.count);
    const server = mean(destination.agentUs + destination.restUs, destination.count);
    if (source.count > 0) {
      this.#add({ kind: "client-agent", hop: edge.from, replica: "" }, visits, mean(source.agentUs, source.count));
      const hop = `${edge.from} → ${edge.to}`;
      if (destination.count > 0) this.#add({ kind: "transit", hop, replica: "" }, visits, Math.max(0, client - server));
    }
    if (destination.count > 0)
      this.#add(
        { kind: "server-agent", hop: edge.to, replica: "" },
        visits,
        mean(destination.agentUs, destination.count),
      );
    const appUs = destination.count > 0 ? mean(destination.restUs, destination.count) : client;
    const childrenUs = this.#callsUs(edge.to);
    this.#add({ kind: "own", hop: edge.to, replica: "" }, visits, Math.max(0, appUs - childrenUs));
    this.outOf(edge.to, visits, [...path, edge.to]);
  }

  outOf(node: string, visits: number, path: readonly string[]): void {
    const made = this.#edges.filter((edge) => edge.from === node);
    const entered = this.#enteredCount(node) || made.reduce((sum, edge) => sum + countOf(edge), 0);
    for (const edge of made) this.into(edge, (visits * countOf(edge)) / Math.max(1, entered), path);
  }

  #callsUs(node: string): number {
    const entered = this.#enteredCount(node);
    if (entered === 0) return 0;
    return this.#edges
      .filter((edge) => edge.from === node)
      .reduce((sum, edge) => sum + (edge.source.agentUs + edge.source.restUs) / entered, 0);
  }

  #enteredCount(node: string): number {
    return this.#edges.filter((edge) => edge.to === node).reduce((sum, edge) => sum + countOf(edge), 0);
  }

  #add(part: Part, visits: number, us: number): void {
    const key = partKey(part);
    const known = this.#parts.get(key);
    const perEntryMs = (known?.perEntryMs ?? 0) + (visits * us) / 1000;
    const allVisits = (known?.visits ?? 0) + visits;
    const perVisitMs = perEntryMs / Math.max(allVisits, 1e-9);
    this.#parts.set(key, { part, visits: allVisits, totalMs: perEntryMs, perVisitMs, perEntryMs, variance: 0 });
  }
}

function sumEdges(totals: readonly EdgeTotals[]): EdgeSum[] {
  const edges = new Map<string, EdgeSum>();
  for (const { edge, count, stagesUs } of totals) {
    const [from, to] = [nodeIdOf(edge.source), nodeIdOf(edge.destination)];
    const known = edges.get(`${from}\n${to}`) ?? { from, to, source: emptySide(), destination: emptySide() };
    edges.set(`${from}\n${to}`, known);
    const side = known[edge.reporter];
    side.count += count;
    // A caller's agent waits for a connection between choosing and sending; a callee's for its app.
    const isCaller = edge.reporter === "source";
    side.agentUs += stagesUs[0] + (isCaller ? 0 : stagesUs[1]);
    side.restUs += stagesUs[2] + stagesUs[3] + (isCaller ? stagesUs[1] : 0);
  }
  return [...edges.values()];
}

function emptySide(): EdgeSide {
  return { count: 0, agentUs: 0, restUs: 0 };
}

function countOf(edge: EdgeSum): number {
  return Math.max(edge.source.count, edge.destination.count);
}

function mean(sum: number, count: number): number {
  return count === 0 ? 0 : sum / count;
}

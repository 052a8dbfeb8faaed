/** What destinations decided, as the API tells it. */
import type { DecisionsView, DecisionView } from "#api";
import { nodeIdOf } from "#telemetry";
import type { RecordedDecision, StoredSpan, TelemetryStore } from "#telemetry/store";

export type DecisionSource = Pick<TelemetryStore, "decisions" | "decisionCoverage">;

export interface DecisionQuestion extends StoredSpan {
  /** Whole nodes, or their last parts. */
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly verdict: "allow" | "deny" | undefined;
  readonly limit: number;
  /** Whoever may see one end of a call may see the call. */
  readonly isSeen: (namespace: string) => boolean;
  /** Lets others have their turn between two pages. */
  readonly turn: () => Promise<void>;
}

/** In order of first sight. */
export async function decisionsView(store: DecisionSource, asked: DecisionQuestion): Promise<DecisionsView> {
  const decisions: DecisionView[] = [];
  let more = 0;
  for (const page of store.decisions(asked)) {
    const found = page.filter((each) => isAsked(each, asked));
    const told = found.slice(0, asked.limit - decisions.length);
    decisions.push(...told.map(decisionViewOf));
    more += found.length - told.length;
    await asked.turn();
  }
  const { fromMs, unrecorded } = store.decisionCoverage(asked);
  return { fromMs: asked.fromMs, recordedFromMs: fromMs ?? null, unrecorded, decisions, more };
}

function isAsked({ edge, verdict }: RecordedDecision, asked: DecisionQuestion): boolean {
  if (asked.verdict !== undefined && asked.verdict !== verdict) return false;
  if (!asked.isSeen(edge.source.namespace) && !asked.isSeen(edge.destination.namespace)) return false;
  return isNamed(nodeIdOf(edge.source), asked.source) && isNamed(nodeIdOf(edge.destination), asked.destination);
}

function isNamed(node: string, name: string | undefined): boolean {
  return name === undefined || node === name || node.endsWith(`/${name}`);
}

export function decisionViewOf({ edge, isExternal, ...decision }: RecordedDecision): DecisionView {
  const { source, destination, protocol, mtls } = edge;
  return {
    ...decision,
    external: isExternal,
    source: nodeIdOf(source),
    principal: source.principal,
    address: source.instance,
    destination: nodeIdOf(destination),
    workload: `${destination.namespace}/${destination.workload}`,
    version: destination.version,
    protocol,
    mtls,
    notRecorded: notRecordedOf(edge, decision),
  };
}

/** Named as policies name them. */
function notRecordedOf(
  { source, protocol }: RecordedDecision["edge"],
  { detail, path, token }: Pick<RecordedDecision, "detail" | "path" | "token">,
): string[] {
  const connection = [...(source.instance === "" ? ["source.ip"] : []), "destination.ip", "connection.sni"];
  if (protocol === "tcp") return connection;
  return [
    ...connection,
    "remote.ip",
    "request.headers",
    ...(token === "verified" || token === "refused" ? ["request.auth.claims"] : []),
    ...(detail === "caller" ? ["request.method"] : []),
    ...(detail !== "whole" || path.includes("{*}") ? ["request.path"] : []),
    ...(detail !== "whole" ? ["request.host"] : []),
  ];
}

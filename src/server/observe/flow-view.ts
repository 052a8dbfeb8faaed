import type { FlowView } from "#api";
import { nodeIdOf, type ObservedRequest } from "#telemetry";

export interface FlowFilter {
  readonly verdict?: "allow" | "deny" | undefined;
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
}

export function flowViewOf(sample: ObservedRequest): FlowView {
  const { edge } = sample;
  return {
    id: sample.spanId,
    atMs: sample.receivedUs / 1000,
    reporter: edge.reporter,
    source: nodeIdOf(edge.source),
    sourceInstance: edge.source.instance,
    destination: nodeIdOf(edge.destination),
    destinationInstance: edge.destination.instance,
    principal: edge.source.principal,
    mtls: edge.mtls,
    method: sample.method,
    path: sample.path,
    status: sample.status,
    endReason: sample.endReason,
    verdict: sample.verdict,
    policy: sample.policy,
    rule: sample.rule,
    observedVerdict: sample.observedVerdict,
    observedPolicy: sample.observedPolicy,
    audits: [...sample.audits],
    durationMs: Math.max(0, sample.doneUs - sample.receivedUs) / 1000,
    traceId: sample.traceId,
  };
}

/** Names match a whole node (`shop/cart`) or its last part (`cart`). */
export function matchesFlow(flow: FlowView, filter: FlowFilter): boolean {
  if (filter.verdict !== undefined && flow.verdict !== filter.verdict) return false;
  return isNamed(flow.source, filter.source) && isNamed(flow.destination, filter.destination);
}

export function isNamed(node: string, name: string | undefined): boolean {
  return name === undefined || node === name || node.endsWith(`/${name}`);
}

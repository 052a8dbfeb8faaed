/** What became of a recorded request, beside what today's policies would make of it. */
import type { ExplanationView, FlowExplanationView, OutcomeView } from "#api";
import { parseSpiffeId } from "#identity";
import { type Endpoint, type MeshSnapshot, registrationKey } from "#mesh";
import { parseAddress, type ServiceKey } from "#model";
import { type CallerAttributes, callerAttributes } from "#policy";
import { type EdgeKey, nodeIdOf, type ObservedRequest, type Party } from "#telemetry";
import { flowViewOf } from "../observe/flow-view.ts";
import { type CallerEgress, calleeOf, callerEgress } from "./caller-egress.ts";
import { throughEgress } from "./egress-outcome.ts";
import { type ArrivingRequest, mergeEqual, outcomeAt, type Replica } from "./outcome.ts";

/** As long as paths are recorded; what was longer may have gone on. */
const PATH_CHARS_MAX = 256;

type CalledReplica = Replica & Pick<Endpoint, "spiffeId" | "address" | "appPort">;

/** `sample`: as the agent recorded it that decided. Header fields, tokens and server names are never recorded. */
export function flowExplanationOf(snapshot: MeshSnapshot, sample: ObservedRequest, nowMs: number): FlowExplanationView {
  const { edge } = sample;
  const { replicas, notes } = replicasOf(snapshot, edge);
  const request = requestOf(snapshot, sample);
  const egress = egressOf(snapshot, edge.source, nowMs);
  const outcomes = mergeEqual(
    replicas.flatMap((replica) =>
      throughEgress(
        egress,
        calleeOf(replica, snapshot, replica.appPort),
        outcomeAt(snapshot, replica, { request, nowMs }),
      ),
    ),
  );
  const explanation: ExplanationView = {
    principal: request.attributes.principal ?? "",
    destination: nodeIdOf(edge.destination),
    outcomes,
  };
  const compared = compare(sample, outcomes);
  return { flow: flowViewOf(sample), today: compared.today, notes: [...notes, ...compared.notes], explanation };
}

/** Of the very workload that called, where it is still there. */
function egressOf(snapshot: MeshSnapshot, { principal, instance }: Party, nowMs: number): readonly CallerEgress[] {
  const { serviceAccount = "" } = callerOf(principal, snapshot.settings.trustDomain);
  const egress = callerEgress(snapshot, { serviceAccount }, nowMs);
  const own = egress.filter(({ workloads }) => workloads.includes(instance));
  return own.length > 0 ? own : egress;
}

/** The replica that decided, or those of its service where that one has gone, or none was called. */
function replicasOf({ inputs, services }: MeshSnapshot, { destination }: EdgeKey) {
  const { namespace, instance } = destination;
  const same = inputs.registrations.get(registrationKey({ namespace, instance }));
  if (same !== undefined) return { replicas: [same], notes: [] };
  const name = nodeIdOf(destination);
  const replicas: readonly CalledReplica[] = services.get(name as ServiceKey)?.endpoints ?? [];
  if (instance === "") return { replicas, notes: [] };
  const gone = `${instance} has gone`;
  const notes = [
    replicas.length === 0
      ? `${gone}, and ${name} has no replica that is ready.`
      : `${gone}; these are the replicas that ${name} has now.`,
  ];
  return { replicas, notes };
}

function requestOf({ settings }: MeshSnapshot, { edge, method, path, authority }: ObservedRequest): ArrivingRequest {
  const { principal, instance } = edge.source;
  const caller = callerOf(principal, settings.trustDomain);
  // One that showed no identity is recorded by its address.
  const sourceAddress = principal === "" ? parseAddress(instance) : undefined;
  const isOfAgent = edge.protocol !== "tcp" && principal !== "";
  const known = { path: path.length < PATH_CHARS_MAX, host: authority.length < PATH_CHARS_MAX };
  const knowledge = { ...known, hasNoServerName: isOfAgent };
  const serverName = principal === "" ? "" : undefined;
  return {
    attributes:
      edge.protocol === "tcp"
        ? { ...caller, sourceAddress, protocol: "tcp" }
        : { ...caller, sourceAddress, serverName, protocol: "http", method, path, host: authority },
    knowledge: { ...knowledge, headers: new Set(), claims: new Set() },
  };
}

function callerOf(principal: string, trustDomain: MeshSnapshot["settings"]["trustDomain"]): Partial<CallerAttributes> {
  const id = parseSpiffeId(principal);
  return id.ok ? callerAttributes(id.value, trustDomain) : {};
}

type Compared = Pick<FlowExplanationView, "today" | "notes">;

/** Ends that were decided by something beside the policies that are explained. */
const DECIDED_ELSEWHERE: Readonly<Record<string, string>> = {
  "token-invalid": "Its token was refused, before any policy was asked.",
  "external-denied": "An external authorizer denied it; it is not asked again.",
  "external-unavailable": "An external authorizer could not be asked then.",
};

function compare({ verdict, policy, rule, endReason }: ObservedRequest, outcomes: readonly OutcomeView[]): Compared {
  const elsewhere = DECIDED_ELSEWHERE[endReason];
  if (elsewhere !== undefined) return { today: "unknown", notes: [elsewhere] };
  if (verdict === "none") return { today: "unknown", notes: ["It ended before any policy was asked."] };
  if (outcomes.length === 0 || outcomes.some((each) => each.verdict === "depends"))
    return { today: "unknown", notes: [] };
  if (outcomes.some((each) => each.verdict !== verdict)) return { today: "differs", notes: [] };
  // A limit that was reached is recorded in the place of what allowed.
  const isLimited = endReason === "rate-limited";
  const isSame = isLimited || outcomes.every((each) => each.label === policy && each.rule === rule);
  const notes = isLimited ? ["A policy let it pass, and a rate limit did not."] : [];
  return { today: isSame ? "same" : "same-by-other-rule", notes };
}

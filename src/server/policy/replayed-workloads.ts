/** What decides at the workloads that recorded requests went to, as things are and as they would be. */
import { inboundRulesFor, type MeshSnapshot, type Registration, SERVICE_LABEL } from "#mesh";
import { versionOf } from "#model";
import { ruleSetsAt } from "#policy";
import { type Egress, type Outcome, type RecordedRequest, type RulesInForce, replay } from "#policy/simulate";
import type { Party } from "#telemetry";

export type Replay = (recorded: RecordedRequest, egress?: Egress) => Outcome;

/** Undefined where no replica of the workload is known. Rules are taken as they are at the instant. */
export function replaysBetween(
  before: MeshSnapshot,
  after: MeshSnapshot,
  nowMs: number,
): (destination: Party) => Replay | undefined {
  const known = new Map<string, Replay | undefined>();
  // Decisions of one edge share its parties, so that most are found without making a text of them.
  const byParty = new Map<Party, Replay | undefined>();
  const replicas = Map.groupBy(before.inputs.registrations.values(), accountOf);
  const replayFor = (destination: Party): Replay | undefined => {
    const { service, version } = destination;
    const account = `${destination.namespace}/${destination.workload}`;
    const key = JSON.stringify([account, service, version]);
    if (!known.has(key)) {
      const serving = (replicas.get(account) ?? []).filter((each) => servesIn(before, each, service));
      const ofVersion = serving.filter(({ labels }) => versionOf(labels) === version);
      known.set(key, replayAt(ofVersion.length > 0 ? ofVersion : serving, { before, after, nowMs }));
    }
    return known.get(key);
  };
  return (destination) => {
    if (!byParty.has(destination)) byParty.set(destination, replayFor(destination));
    return byParty.get(destination);
  };
}

function accountOf({ namespace, serviceAccount }: Registration): string {
  return `${namespace}/${serviceAccount}`;
}

/** One account may serve several services, with policies of their own. */
function servesIn({ services }: MeshSnapshot, { namespace, instance, labels }: Registration, service: string): boolean {
  if (service === "" || labels[SERVICE_LABEL] === service) return true;
  const endpoints = services.get(`${namespace}/${service}`)?.endpoints ?? [];
  return endpoints.some((each) => each.instance === instance);
}

interface Change {
  readonly before: MeshSnapshot;
  readonly after: MeshSnapshot;
  readonly nowMs: number;
}

/** Replicas may have labels of their own, and with them rules: what flips at one of them flips. */
function replayAt(replicas: readonly Registration[], { before, after, nowMs }: Change): Replay | undefined {
  const pairs = replicas.map((each) => [before, after].map((snapshot) => rulesAt(snapshot, each, nowMs)));
  const distinct = new Map(pairs.map((pair) => [JSON.stringify(pair), pair as [RulesAt, RulesAt]]));
  const replays = [...distinct.values()].map(([is, would]) => replay(inForce(is), inForce(would)));
  const [only, ...others] = replays;
  if (only === undefined || others.length === 0) return only;
  return (recorded, egress) => {
    const outcomes = replays.map((each) => each(recorded, egress));
    return (
      (["flips", "unknown"] as const)
        .map((kind) => outcomes.find((each) => each.kind === kind))
        .find((each) => each !== undefined) ?? { kind: "same" }
    );
  };
}

type RulesAt = Omit<RulesInForce, "authorizers"> & { readonly authorizers: readonly string[] };

function rulesAt(snapshot: MeshSnapshot, replica: Registration, nowMs: number): RulesAt {
  const { ruleSets, providers, tokens, mtls } = inboundRulesFor(snapshot, replica);
  return {
    ruleSets: ruleSetsAt(ruleSets, nowMs).ruleSets,
    authorizers: providers.map(({ name }) => name),
    tokens: tokens.length === 0 ? "" : JSON.stringify(tokens),
    mtls,
  };
}

function inForce(rules: RulesAt): RulesInForce {
  return { ...rules, authorizers: new Set(rules.authorizers) };
}

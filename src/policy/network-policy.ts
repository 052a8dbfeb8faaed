/**
 * Kubernetes' NetworkPolicy (`networking.k8s.io/v1`) as rule sets of the network's own tier, for either direction.
 *
 * Peers are resolved as the subjects of AccessPolicy are: namespaces by the labels of their objects, pods by those of their service
 * accounts, since a pod's own labels are its word alone. Ports are those of the app that is called; only TCP passes here.
 */
import {
  type LabelSelector,
  meetsSelector,
  type NetworkPeer,
  type NetworkPolicy,
  type NetworkPort,
  type NetworkRule,
} from "#model";
import type { LabelledObject, ProvedAttributes } from "./access-policy.ts";
import {
  operationMatch,
  type Rule,
  type RuleSet,
  ruleOf,
  ruleSetOf,
  type SourceMatch,
  sourceMatch,
} from "./rule-set.ts";

const NETWORK_TIER = 0;
const EVERYTHING: LabelSelector = { matchLabels: {}, matchExpressions: [] };

/**
 * What the policy says of one direction; nothing where it is not about it. A rule set of egress is decided about who is called:
 * its sources are the peers in either direction (`calleeAttributes`).
 */
export function lowerNetworkPolicy(
  { metadata: { namespace, name }, spec }: NetworkPolicy,
  proved: ProvedAttributes,
  direction: "ingress" | "egress",
): readonly RuleSet[] {
  const said = spec[direction];
  if (said === undefined) return [];
  const ref = { kind: "NetworkPolicy", namespace, name };
  const rules = said.flatMap((rule, index) => lowerRule(rule, { index, own: namespace, proved }));
  return [ruleSetOf({ ref, tier: NETWORK_TIER, action: "ALLOW", rules })];
}

interface RulePlace {
  readonly index: number;
  /** Namespace of the policy. */
  readonly own: string;
  readonly proved: ProvedAttributes;
}

function lowerRule({ peers, ports }: NetworkRule, { index, own, proved }: RulePlace): readonly Rule[] {
  const open = ports.filter(({ protocol }) => protocol === "TCP").map(portText);
  // Of its ports none is one that can be asked for here.
  if (ports.length > 0 && open.length === 0) return [];
  const to = open.length === 0 || open.includes("") ? [] : [operationMatch({ ports: open })];
  if (peers.length === 0) return [ruleOf({ index, to })];
  return peers.map((peer): Rule => {
    const source = sourceOf(peer, own, proved);
    if (source !== undefined) return ruleOf({ index, from: [sourceMatch(source)], to });
    return ruleOf({ index, to, unenforceable: "no Namespace or ServiceAccount has the labels that it selects" });
  });
}

/** `80`, `8000-8999`, or "" for every port. */
function portText({ port, endPort }: NetworkPort): string {
  if (port === undefined) return "";
  return endPort === undefined ? String(port) : `${port}-${endPort}`;
}

/** Undefined when nobody is known to be meant. */
function sourceOf(peer: NetworkPeer, own: string, proved: ProvedAttributes): Partial<SourceMatch> | undefined {
  if (peer.kind === "block") return { ipBlocks: [peer.cidr], notIpBlocks: peer.except };
  const { namespaceSelector, podSelector = EVERYTHING } = peer;
  const principals = [`${proved.trustDomain}/ns/*`];
  const namespaces = namespacesOf(namespaceSelector, own, proved);
  if (isEverything(podSelector))
    return namespaces?.length === 0 ? undefined : { principals, namespaces: namespaces ?? [] };
  const serviceAccounts = proved.accounts
    .filter(({ metadata }) => namespaces === undefined || namespaces.includes(metadata.namespace))
    .filter(({ metadata }) => meetsSelector(metadata.labels, podSelector))
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
    .sort();
  return serviceAccounts.length === 0 ? undefined : { principals, serviceAccounts };
}

/** Undefined for all. */
function namespacesOf(
  selector: LabelSelector | undefined,
  own: string,
  proved: ProvedAttributes,
): readonly string[] | undefined {
  if (selector === undefined) return [own];
  if (isEverything(selector)) return undefined;
  return proved.namespaces
    .filter((each) => meetsSelector(labelsOf(each), selector))
    .map(({ metadata }) => metadata.name)
    .sort();
}

/** With the label that Kubernetes gives every namespace. */
function labelsOf({ metadata: { name, labels } }: LabelledObject): Readonly<Record<string, string>> {
  return { ...labels, "kubernetes.io/metadata.name": name };
}

function isEverything({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

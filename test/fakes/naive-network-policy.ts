/**
 * Kubernetes' NetworkPolicy in the most literal words of its documentation, for a pair of workloads: what the compiled form is compared
 * with. It looks at policies as users write them, and shares no code with what lowers or decides them.
 */
import type { LabelSelector, NetworkPeer, NetworkPolicy } from "#model";

export interface NaiveWorkload {
  readonly namespace: string;
  /** By which policies select it. */
  readonly labels: Readonly<Record<string, string>>;
  /** `namespace/account`, or "" for one without an identity of the mesh. */
  readonly account: string;
  readonly address: string;
}

export interface NaiveCluster {
  readonly policies: readonly NetworkPolicy[];
  readonly namespaceLabels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly accountLabels: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface NaivePair {
  readonly source: NaiveWorkload;
  readonly destination: NaiveWorkload;
  /** Of the app that is called. */
  readonly port: number;
}

/** "For a connection to be allowed, both the egress policy on the source and the ingress policy on the destination need to allow it." */
export function passesBoth(
  cluster: NaiveCluster,
  pair: NaivePair,
): { readonly egress: boolean; readonly ingress: boolean } {
  return { egress: passes(cluster, pair, "egress"), ingress: passes(cluster, pair, "ingress") };
}

function passes(
  cluster: NaiveCluster,
  { source, destination, port }: NaivePair,
  direction: "ingress" | "egress",
): boolean {
  const [own, other] = direction === "ingress" ? [destination, source] : [source, destination];
  const isolating = cluster.policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === own.namespace && spec[direction] !== undefined && has(own.labels, spec.podSelector),
  );
  if (isolating.length === 0) return true;
  return isolating.some(({ metadata, spec }) =>
    spec[direction]?.some(({ peers, ports }) => {
      const isPort = ports.some((each) => {
        if (each.protocol !== "TCP") return false;
        return each.port === undefined || (each.port <= port && port <= (each.endPort ?? each.port));
      });
      const isPeer = peers.some((peer) => meets(peer, other, { cluster, of: metadata.namespace }));
      return (ports.length === 0 || isPort) && (peers.length === 0 || isPeer);
    }),
  );
}

function meets(
  peer: NetworkPeer,
  { account, address }: NaiveWorkload,
  { cluster, of }: { readonly cluster: NaiveCluster; readonly of: string },
): boolean {
  if (peer.kind === "block") return within(address, peer.cidr) && !peer.except.some((each) => within(address, each));
  const [namespace = ""] = account.split("/");
  if (namespace === "") return false;
  const space = { ...cluster.namespaceLabels[namespace], "kubernetes.io/metadata.name": namespace };
  const isThere =
    peer.namespaceSelector === undefined
      ? namespace === of
      : knows(cluster.namespaceLabels, namespace, peer.namespaceSelector) && has(space, peer.namespaceSelector);
  if (!isThere) return false;
  const { podSelector } = peer;
  return (
    podSelector === undefined ||
    (knows(cluster.accountLabels, account, podSelector) && has(cluster.accountLabels[account] ?? {}, podSelector))
  );
}

/** What has no object has no labels that were proved: only a selector of everything means it. */
function knows(labels: Readonly<Record<string, unknown>>, name: string, selector: LabelSelector): boolean {
  return name in labels || Object.keys(selector.matchLabels).length + selector.matchExpressions.length === 0;
}

function has(labels: Readonly<Record<string, string>>, { matchLabels, matchExpressions }: LabelSelector): boolean {
  const isLabelled = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return (
    isLabelled &&
    matchExpressions.every(({ key, operator, values }) => {
      const isThere = key in labels;
      const isOneOf = isThere && values.includes(labels[key] ?? "");
      return { In: isOneOf, NotIn: !isOneOf, Exists: isThere, DoesNotExist: !isThere }[operator];
    })
  );
}

/** Of IPv4 alone. */
function within(address: string, block: string): boolean {
  const [start = "", length = "32"] = block.split("/");
  const bits = (text: string): string =>
    text
      .split(".")
      .map((octet) => Number(octet).toString(2).padStart(8, "0"))
      .join("");
  return bits(address).slice(0, Number(length)) === bits(start).slice(0, Number(length));
}

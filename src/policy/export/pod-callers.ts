/** Identities as the pods that bear them. */
import type { LabelSelector, NetworkPeer } from "#model";
import type { Term } from "#policy";
import type { ExportFacts } from "./export.ts";

export interface PodCaller {
  readonly peer: NetworkPeer;
  /** Whom it lets in, as terms. */
  readonly terms: readonly Term[];
}

/** Everybody of the mesh, of a namespace, or of an account. */
interface Callers {
  readonly namespace: string | undefined;
  readonly account: string | undefined;
}

/** The callers that meet all terms, or why they cannot be told. Those of other trust domains are no pods here. */
export function podCallers(terms: readonly Term[], facts: ExportFacts): readonly PodCaller[] | string {
  let callers: readonly Callers[] = [{ namespace: undefined, account: undefined }];
  for (const term of terms) {
    if (term.isNegated) return "a peer cannot be all callers but some";
    const named = term.patterns.map((pattern) => callersOf(term.attribute, pattern, facts.trustDomain));
    const unknown = named.indexOf(undefined);
    if (unknown >= 0)
      return `${term.patterns[unknown]} is neither an account nor a whole namespace of this trust domain`;
    callers = callers.flatMap((one) => named.flatMap((other) => meeting(one, other as Callers)));
  }
  const peers = callers.map((each) => podCaller(each, facts));
  const missing = peers.find((each) => typeof each === "string");
  return missing ?? (peers as readonly PodCaller[]);
}

/** Whether the terms say that only callers of the own trust domain are meant. */
export function isOfTrustDomain(terms: readonly Term[], { trustDomain }: ExportFacts): boolean {
  return terms.some(
    ({ attribute, isNegated, patterns }) =>
      attribute === "source.principal" && !isNegated && patterns.every((each) => each.startsWith(`${trustDomain}/`)),
  );
}

function callersOf(attribute: Term["attribute"], pattern: string, trustDomain: string): Callers | undefined {
  if (attribute === "source.namespace")
    return pattern.includes("*") ? undefined : { namespace: pattern, account: undefined };
  if (attribute === "source.serviceAccount") {
    const [namespace, account] = pattern.split("/");
    return { namespace, account };
  }
  if (pattern === "*" || pattern === `${trustDomain}/ns/*` || pattern === `${trustDomain}/*`)
    return { namespace: undefined, account: undefined };
  const parts = /^([^/*]+)\/ns\/([^/*]+)\/(?:\*|sa\/(\*|[^/*]+))$/.exec(pattern);
  if (parts === null || parts[1] !== trustDomain) return undefined;
  return { namespace: parts[2], account: parts[3] === "*" ? undefined : parts[3] };
}

function meeting(one: Callers, other: Callers): readonly Callers[] {
  const namespace = one.namespace ?? other.namespace;
  const account = one.account ?? other.account;
  const isSame = (other.namespace ?? namespace) === namespace && (other.account ?? account) === account;
  return isSame ? [{ namespace, account }] : [];
}

const EVERYTHING: LabelSelector = { matchLabels: {}, matchExpressions: [] };
const NAME_LABEL = "kubernetes.io/metadata.name";

function podCaller({ namespace, account }: Callers, { trustDomain, labelsOf }: ExportFacts): PodCaller | string {
  const matching = (labels: Readonly<Record<string, string>>): LabelSelector => ({
    matchLabels: labels,
    matchExpressions: [],
  });
  const namespaceSelector = namespace === undefined ? EVERYTHING : matching({ [NAME_LABEL]: namespace });
  if (namespace === undefined || account === undefined) {
    const pattern = namespace === undefined ? `${trustDomain}/ns/*` : `${trustDomain}/ns/${namespace}/sa/*`;
    return { peer: { kind: "pods", namespaceSelector, podSelector: undefined }, terms: [principal(pattern)] };
  }
  const labels = labelsOf(namespace, account);
  if (labels === undefined) return `no labels are borne by the workloads of ${namespace}/${account} alone`;
  const peer = { kind: "pods", namespaceSelector, podSelector: matching(labels) } as const;
  return { peer, terms: [principal(`${trustDomain}/ns/${namespace}/sa/${account}`)] };
}

function principal(pattern: string): Term {
  return { attribute: "source.principal", isNegated: false, patterns: [pattern] };
}

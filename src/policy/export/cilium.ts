/**
 * CiliumNetworkPolicy (`cilium.io/v2`), one for each workload. Accounts are known by the label that Cilium gives to pods, blocks only mean
 * addresses outside of the cluster, and requests are matched by regular expressions at the port of the app.
 */
import type { NetworkPeer } from "#model";
import type { Term } from "#policy";
import { intersection, isWholePorts, type PortRange } from "./addresses.ts";
import type { ExportedWorkload, ExportFacts, ExportNote, Written } from "./export.ts";
import { cannotBeCaller, type Opening, openingsFor } from "./openings.ts";
import { cannotBeRequest, methodRegex, PLAIN_PATHS, plainPathRegex } from "./requests.ts";

const ACCOUNT_LABEL = "io.cilium.k8s.policy.serviceaccount";
const NAMESPACE_LABEL = "k8s:io.kubernetes.pod.namespace";

export function ciliumExport(workload: ExportedWorkload, facts: ExportFacts): Written {
  const { namespace, name, labels, port } = workload;
  const named = { ...facts, labelsOf: (_: string, account: string) => ({ [ACCOUNT_LABEL]: account }) };
  const { openings, notes } = openingsFor(workload, named, (term, { terms }) => cannotHold(term, terms));
  if (openings === undefined) return { documents: [], text: "", notes };
  const ingress = openings.flatMap((each) => ruleOf(each, port));
  const document = {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name, namespace },
    spec: {
      endpointSelector: { matchLabels: labels },
      // A policy without rules selects nobody; one that lets in whom there is not closes, and closes nobody else who is selected.
      ingress: ingress.length === 0 ? [NOBODY] : ingress,
    },
  };
  return { documents: [document], text: "", notes: [...notes, ...openings.flatMap((each) => notesOf(each, workload))] };
}

const NOBODY = { fromEndpoints: [{ matchLabels: { "heddle.dev/nobody": "true" } }] };

function cannotHold(term: Term, all: readonly Term[]): string | undefined {
  if (term.attribute.startsWith("request.")) return cannotBeRequest(term, all);
  return cannotBeCaller(term, "Cilium knows pods, addresses, ports, methods and paths");
}

function notesOf(
  { policy, rule, peer, requests, ports }: Opening,
  { namespace, name, port }: ExportedWorkload,
): readonly ExportNote[] {
  const note = (message: string): ExportNote => ({
    workload: `${namespace}/${name}`,
    policy,
    rule,
    effect: "denies-more",
    message,
  });
  return [
    ...(peer?.kind === "block"
      ? [note("lets in addresses outside of the cluster only: those of pods are no blocks to Cilium")]
      : []),
    ...(requests.length > 0 && intersection(ports, [[port, port]]).length === 0
      ? [note("is left out and allows nothing there: requests are only looked at on the port of the app")]
      : []),
    ...(requests.some(({ attribute }) => attribute === "request.path") ? [note(PLAIN_PATHS)] : []),
  ];
}

function ruleOf({ peer, requests, ports }: Opening, appPort: number): readonly object[] {
  const isOfHttp = requests.length > 0;
  const open: readonly PortRange[] = isOfHttp ? intersection(ports, [[appPort, appPort]]) : ports;
  if (open.length === 0) return [];
  const told = open.map(([first, last]) => ({
    port: isWholePorts(open) ? "0" : String(first),
    ...(first === last || isWholePorts(open) ? {} : { endPort: last }),
    protocol: "TCP",
  }));
  const rules = isOfHttp ? { rules: { http: [httpRule(requests)] } } : {};
  return [{ ...peerOf(peer), toPorts: [{ ports: told, ...rules }] }];
}

function httpRule(requests: readonly Term[]): object {
  const of = (attribute: Term["attribute"]) => requests.find((each) => each.attribute === attribute)?.patterns;
  const [methods, paths] = [of("request.method"), of("request.path")];
  return {
    ...(methods === undefined ? {} : { method: methodRegex(methods) }),
    // What Cilium compares has the query with it.
    ...(paths === undefined ? {} : { path: `(?:${paths.map((each) => plainPathRegex(each)).join("|")})(?:\\?.*)?` }),
  };
}

function peerOf(peer: NetworkPeer | undefined): object {
  if (peer === undefined) return { fromEntities: ["all"] };
  if (peer.kind === "block") {
    const { cidr, except } = peer;
    return { fromCIDRSet: [{ cidr, ...(except.length === 0 ? {} : { except }) }] };
  }
  const [namespace] = Object.values(peer.namespaceSelector?.matchLabels ?? {});
  if (namespace === undefined)
    return { fromEndpoints: [{ matchExpressions: [{ key: NAMESPACE_LABEL, operator: "Exists" }] }] };
  const account = peer.podSelector?.matchLabels[ACCOUNT_LABEL];
  const labels = {
    [NAMESPACE_LABEL]: namespace,
    ...(account === undefined ? {} : { [`k8s:${ACCOUNT_LABEL}`]: account }),
  };
  return { fromEndpoints: [{ matchLabels: labels }] };
}

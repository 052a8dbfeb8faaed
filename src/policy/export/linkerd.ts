/**
 * Linkerd's policy (`policy.linkerd.io`): for each workload a Server for the port of its app, which denies what is not authorized; an
 * AuthorizationPolicy with its authentication for each caller, on the Server or on an HTTPRoute of it.
 */
import type { NetworkPeer } from "#model";
import type { Term } from "#policy";
import { intersection } from "./addresses.ts";
import type { ExportedWorkload, ExportFacts, ExportNote, Written } from "./export.ts";
import { cannotBeCaller, type Opening, openingsFor } from "./openings.ts";
import { cannotBeRequest, PLAIN_PATHS, plainPathRegex } from "./requests.ts";

const GROUP = "policy.linkerd.io";
const ACCOUNT_LABEL = "account";

export function linkerdExport(workload: ExportedWorkload, facts: ExportFacts): Written {
  const { namespace, name, labels, port } = workload;
  const named = { ...facts, labelsOf: (_: string, account: string) => ({ [ACCOUNT_LABEL]: account }) };
  const { openings, notes } = openingsFor(workload, named, (term, { terms }) => cannotHold(term, terms));
  if (openings === undefined) return { documents: [], text: "", notes };
  if (port === 0) return { documents: [], text: "", notes: [...notes, withoutPort(workload)] };
  const server = {
    apiVersion: `${GROUP}/v1beta3`,
    kind: "Server",
    metadata: { name, namespace },
    spec: { podSelector: { matchLabels: labels }, port },
  };
  const here = openings.filter(({ ports }) => intersection(ports, [[port, port]]).length > 0);
  const allowed = here.flatMap((each, index) => documentsOf(each, { workload, name: `${name}-${index + 1}` }));
  const hasRoutes = here.length > 1 && here.some(({ requests }) => requests.length > 0);
  const told = openings.flatMap((each) => notesOf(each, workload, hasRoutes));
  return { documents: [server, ...allowed], text: "", notes: [...notes, ...told] };
}

function cannotHold(term: Term, all: readonly Term[]): string | undefined {
  if (!term.attribute.startsWith("request."))
    return cannotBeCaller(term, "Linkerd knows identities, addresses, methods and paths");
  const star = term.attribute === "request.method" && term.patterns.some((each) => each.includes("*"));
  return star ? "a method of a route is one whole word" : cannotBeRequest(term, all);
}

function withoutPort({ namespace, name }: ExportedWorkload): ExportNote {
  const message = "has a port that is not known, and a Server needs one: nothing is written";
  return {
    workload: `${namespace}/${name}`,
    policy: `Service/${namespace}/${name}`,
    rule: -1,
    effect: "not-written",
    message,
  };
}

function notesOf(
  { policy, rule, requests }: Opening,
  { namespace, name }: ExportedWorkload,
  hasRoutes: boolean,
): readonly ExportNote[] {
  const note = (message: string): ExportNote => ({
    workload: `${namespace}/${name}`,
    policy,
    rule,
    effect: "denies-more",
    message,
  });
  const isByPath = requests.some(({ attribute }) => attribute === "request.path");
  return [...(isByPath ? [note(PLAIN_PATHS)] : []), ...(hasRoutes ? [note(ONE_ROUTE)] : [])];
}

const ONE_ROUTE =
  "is not asked where another route is more telling: Linkerd asks one route for a request, and lets none pass that meets none";

interface Place {
  readonly workload: ExportedWorkload;
  readonly name: string;
}

function documentsOf({ peer, requests }: Opening, { workload, name }: Place): readonly object[] {
  const { namespace } = workload;
  const route = requests.length === 0 ? [] : [routeOf(requests, { workload, name })];
  const target =
    requests.length === 0
      ? { group: GROUP, kind: "Server", name: workload.name }
      : { group: GROUP, kind: "HTTPRoute", name };
  const authentication = authenticationOf(peer, { workload, name });
  const policy = {
    apiVersion: `${GROUP}/v1alpha1`,
    kind: "AuthorizationPolicy",
    metadata: { name, namespace },
    spec: { targetRef: target, requiredAuthenticationRefs: [{ group: GROUP, kind: authentication.kind, name }] },
  };
  return [...route, authentication, policy];
}

function routeOf(requests: readonly Term[], { workload, name }: Place): object {
  const of = (attribute: Term["attribute"]) => requests.find((each) => each.attribute === attribute)?.patterns;
  const paths = of("request.path")?.map((each) => ({
    path: { type: "RegularExpression", value: plainPathRegex(each) },
  })) ?? [{}];
  const methods = of("request.method")?.map((method) => ({ method })) ?? [{}];
  return {
    apiVersion: `${GROUP}/v1beta3`,
    kind: "HTTPRoute",
    metadata: { name, namespace: workload.namespace },
    spec: {
      parentRefs: [{ group: GROUP, kind: "Server", name: workload.name }],
      rules: [{ matches: paths.flatMap((path) => methods.map((method) => ({ ...path, ...method }))) }],
    },
  };
}

/** Everybody is every network: what is not authenticated at all is let in by address. */
function authenticationOf(peer: NetworkPeer | undefined, { workload: { namespace }, name }: Place) {
  const metadata = { name, namespace };
  if (peer === undefined || peer.kind === "block") {
    const networks = peer === undefined ? [{ cidr: "0.0.0.0/0" }, { cidr: "::/0" }] : [networkOf(peer)];
    return { apiVersion: `${GROUP}/v1alpha1`, kind: "NetworkAuthentication", metadata, spec: { networks } };
  }
  const [of] = Object.values(peer.namespaceSelector?.matchLabels ?? {});
  const account = peer.podSelector?.matchLabels[ACCOUNT_LABEL];
  const spec =
    of === undefined
      ? { identities: ["*"] }
      : {
          identityRefs: [
            { kind: "ServiceAccount", namespace: of, ...(account === undefined ? {} : { name: account }) },
          ],
        };
  return { apiVersion: `${GROUP}/v1alpha1`, kind: "MeshTLSAuthentication", metadata, spec };
}

function networkOf({ cidr, except }: { readonly cidr: string; readonly except: readonly string[] }): object {
  return { cidr, ...(except.length === 0 ? {} : { except }) };
}

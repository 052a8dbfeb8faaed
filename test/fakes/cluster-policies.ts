/**
 * Policies of Cilium and Linkerd as far as exports use them, evaluated for a request. Where their own systems are stricter (addresses of
 * pods, the most telling route) these are not, so that what they deny is denied there too.
 */
import { isInBlock, parseAddressBlock } from "#model";
import type { RequestAttributes } from "#policy";

// biome-ignore lint/suspicious/noExplicitAny: Documents of others, looked at field by field.
type Document = any;

const anchored = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);

export function decideAsCilium(documents: readonly Document[], request: RequestAttributes): "allow" | "deny" {
  const isOpen = documents.every(({ spec: { ingress } }) => {
    return ingress.some(
      (rule: Document) => ciliumPeer(rule, request) && rule.toPorts.some((each: Document) => ciliumPort(each, request)),
    );
  });
  return isOpen ? "allow" : "deny";
}

function ciliumPeer({ fromEntities, fromCIDRSet, fromEndpoints }: Document, request: RequestAttributes): boolean {
  if (fromEntities !== undefined) return true;
  if (fromCIDRSet !== undefined) return fromCIDRSet.some((each: Document) => inNetwork(each, request));
  if (!request.principal.startsWith("td/")) return false;
  return fromEndpoints.some(({ matchLabels = {} }: Document) => {
    if ("heddle.dev/nobody" in matchLabels) return false;
    const namespace = matchLabels["k8s:io.kubernetes.pod.namespace"] ?? request.namespace;
    const account = matchLabels["k8s:io.cilium.k8s.policy.serviceaccount"];
    return (
      namespace === request.namespace && (account === undefined || `${namespace}/${account}` === request.serviceAccount)
    );
  });
}

function ciliumPort({ ports, rules }: Document, request: RequestAttributes): boolean {
  const isPort = ports.some(
    ({ port, endPort = port }: Document) =>
      port === "0" || (Number(port) <= request.port && request.port <= Number(endPort)),
  );
  if (!isPort || rules === undefined) return isPort;
  if (request.protocol === "tcp") return false;
  return rules.http.some(
    ({ method = ".*", path = ".*" }: Document) =>
      anchored(method).test(request.method) && anchored(path).test(`${request.path}?a=/../b`),
  );
}

function inNetwork({ cidr, except = [] }: Document, { sourceAddress }: RequestAttributes): boolean {
  const holds = (text: string): boolean => {
    const block = parseAddressBlock(text);
    if (!block.ok) throw new Error(`no block: ${text}`);
    return sourceAddress !== undefined && isInBlock(sourceAddress, block.value);
  };
  return holds(cidr) && !except.some(holds);
}

export function decideAsLinkerd(documents: readonly Document[], request: RequestAttributes): "allow" | "deny" {
  const of = (kind: string): readonly Document[] => documents.filter((each) => each.kind === kind);
  const [server] = of("Server");
  if (server === undefined || server.spec.port !== request.port) return server === undefined ? "allow" : "deny";
  const isOpen = of("AuthorizationPolicy").some(({ spec: { targetRef, requiredAuthenticationRefs } }) => {
    const route = of("HTTPRoute").find(
      ({ metadata }) => targetRef.kind === "HTTPRoute" && metadata.name === targetRef.name,
    );
    const isMeant =
      targetRef.kind === "Server" || route.spec.rules[0].matches.some((each: Document) => linkerdMatch(each, request));
    const isWho = requiredAuthenticationRefs.every((ref: Document) =>
      documents.some(
        (each) => each.kind === ref.kind && each.metadata.name === ref.name && linkerdCaller(each.spec, request),
      ),
    );
    return isMeant && isWho;
  });
  return isOpen ? "allow" : "deny";
}

function linkerdMatch({ path, method }: Document, request: RequestAttributes): boolean {
  if (request.protocol === "tcp") return false;
  return (
    (path === undefined || anchored(path.value).test(request.path)) &&
    (method === undefined || method === request.method)
  );
}

function linkerdCaller({ networks, identities, identityRefs = [] }: Document, request: RequestAttributes): boolean {
  if (networks !== undefined) return networks.some((each: Document) => inNetwork(each, request));
  if (!request.principal.startsWith("td/")) return false;
  if (identities !== undefined) return identities.includes("*");
  return identityRefs.some(
    ({ namespace, name }: Document) =>
      namespace === request.namespace && (name === undefined || `${namespace}/${name}` === request.serviceAccount),
  );
}

import { namespaceOf, principalOf, type SpiffeId, serviceAccountOf, type TrustDomain } from "#identity";
import { type IpAddress, parseAddress } from "#model";
import type { TermAttribute } from "./terms.ts";

/** Claims of a verified token, as they were signed. */
export type Claims = Readonly<Record<string, unknown>>;

/** What a decision is made from. One mutable object that a connection reuses, so that deciding allocates nothing. */
export interface RequestAttributes {
  /** `<trust domain>/ns/<namespace>/sa/<service account>` from the peer's certificate, or "" without one. */
  principal: string;
  /** Namespace of the principal, or "". */
  namespace: string;
  /** `<namespace>/<service account>` of the principal, or "". */
  serviceAccount: string;
  /** Where the connection comes from; undefined when that is not known. */
  sourceAddress: IpAddress | undefined;
  /** Where the workload was reached; undefined when that is not known. */
  destinationAddress: IpAddress | undefined;
  /**
   * Server name that the caller's own TLS asks for (SNI), in lower case, "" for none; undefined when that is not known, as of a request
   * whose TLS another agent has ended.
   */
  serverName: string | undefined;
  /** `tcp` has no method, path, host, headers or claims. */
  protocol: "http" | "tcp";
  method: string;
  /** Without the query. */
  path: string;
  /** Host as asked for, with its port when it was given. */
  host: string;
  /** Port of the workload that is called. */
  port: number;
  /** Name, value, name, value, and so on; names in lower case. Looked at only where a policy needs headers. */
  headers: readonly string[];
  /**
   * Of the token that the request carries and that was verified; undefined without one. `iss` and `sub` make the request's principal, `aud`
   * its audiences, `azp` its presenter. Looked at only where a policy needs claims.
   */
  claims: Claims | undefined;
  /** Undefined where a request is at hand, as at an agent, which knows all that is not undefined above. */
  unknowns: Unknowns | undefined;
}

/**
 * What is not known of a request that is decided after the event. Deciding it in both readings tells whether that matters: what both decide
 * alike is certain.
 */
export interface Unknowns {
  /** What a condition counts as that cannot be judged: `restrict` as at an agent, so that a DENY rule matches and an ALLOW rule does not; or `permit`. */
  readonly reading: "restrict" | "permit";
  /** Whether the attribute is as the request says. */
  readonly isKnown: (attribute: TermAttribute) => boolean;
  /** Where the path is not known: an Istio pattern of what it may be, of which `path` is one; "" for anything. */
  readonly pathPattern: string;
  /** Is told what was asked of the request and is not known. */
  readonly onUnjudged: (attributes: readonly TermAttribute[]) => void;
}

const UNKNOWN: RequestAttributes = {
  principal: "",
  namespace: "",
  serviceAccount: "",
  sourceAddress: undefined,
  destinationAddress: undefined,
  serverName: undefined,
  protocol: "http",
  method: "",
  path: "",
  host: "",
  port: 0,
  headers: [],
  claims: undefined,
  unknowns: undefined,
};

/** Attributes of which only the given ones are known. */
export function requestAttributes(known: Partial<RequestAttributes>): RequestAttributes {
  return { ...UNKNOWN, ...known };
}

/** What policies compare of who calls. */
export type CallerAttributes = Pick<RequestAttributes, "principal" | "namespace" | "serviceAccount">;

/**
 * Of an identity of another trust domain, or of another form than `/ns/<namespace>/sa/<service account>`, only the principal is known: a
 * namespace of that name elsewhere is not this one.
 */
export function callerAttributes(id: SpiffeId, trustDomain: TrustDomain): CallerAttributes {
  if (id.trustDomain !== trustDomain) return { principal: principalOf(id), namespace: "", serviceAccount: "" };
  const [namespace, account] = [namespaceOf(id) ?? "", serviceAccountOf(id) ?? ""];
  return { principal: principalOf(id), namespace, serviceAccount: account === "" ? "" : `${namespace}/${account}` };
}

/** Where a workload can be called, as its caller knows it. */
export interface Callee {
  readonly spiffeId: SpiffeId;
  readonly address: string;
  /** Of its app; undefined where that is not known. */
  readonly appPort?: number | undefined;
}

/**
 * What rules about calls that go out are decided by: who is called stands where who calls stands in those that come in, since the rules
 * say of both the same things.
 */
export function calleeAttributes(
  { spiffeId, address, appPort = 0 }: Callee,
  trustDomain: TrustDomain,
): RequestAttributes {
  return requestAttributes({
    ...callerAttributes(spiffeId, trustDomain),
    sourceAddress: parseAddress(address),
    protocol: "tcp",
    port: appPort,
  });
}

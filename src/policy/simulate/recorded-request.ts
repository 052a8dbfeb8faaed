import type { IpAddress } from "#model";
import type { CallerAttributes, Claims, RequestAttributes, Unknowns } from "#policy";

/** Requests that are alike, as far as they were recorded, and what was decided of them. */
export interface RecordedRequest {
  readonly caller: CallerAttributes;
  /** Undefined where only the caller's identity was recorded. */
  readonly sourceAddress: IpAddress | undefined;
  readonly mtls: boolean;
  readonly protocol: "http" | "tcp";
  /** 0 when it was not recorded. */
  readonly port: number;
  /** `whole`: all that follows was recorded; `prefix`: not the host; `caller`: nothing. */
  readonly detail: "whole" | "prefix" | "caller";
  readonly method: string;
  /** An Istio pattern where the path was not recorded whole. */
  readonly path: string;
  readonly host: string;
  readonly token: "unread" | "none" | "verified" | "refused";
  /** Of the request's principal; empty without one. */
  readonly issuer: string;
  readonly verdict: "allow" | "deny";
  /** Whether an external authorizer denied. */
  readonly isExternal: boolean;
}

/** What of a token is known under the rules in question: that there is none, or the issuer of its principal, or not even that. */
export type KnownClaims = "all" | "issuer" | "none";

/** The request with what is not known of it, in either reading. The second is made when it is asked for, which is seldom. */
export class ReplayedRequest {
  readonly restricted: RequestAttributes;
  #permitted: RequestAttributes | undefined;

  /** `onUnjudged` is told what was asked and is not known, when the request is decided. */
  constructor(recorded: RecordedRequest, claims: KnownClaims, onUnjudged: Unknowns["onUnjudged"]) {
    const { caller, sourceAddress, protocol, port, detail, method, host } = recorded;
    const { one, pattern } = detail === "caller" ? ANY_PATH : readPath(recorded.path);
    // Spelled out, since there are a million of them: spreading objects takes longer than deciding.
    this.restricted = {
      principal: caller.principal,
      namespace: caller.namespace,
      serviceAccount: caller.serviceAccount,
      sourceAddress,
      destinationAddress: undefined,
      serverName: undefined,
      protocol,
      method,
      path: one,
      host,
      port,
      headers: NO_HEADERS,
      claims: claims === "issuer" ? claimsOf(recorded.issuer) : undefined,
      unknowns: { reading: "restrict", isKnown: knowledgeOf(recorded, claims), pathPattern: pattern, onUnjudged },
    };
  }

  get permitted(): RequestAttributes {
    const { unknowns } = this.restricted;
    if (unknowns === undefined) return this.restricted;
    this.#permitted ??= { ...this.restricted, unknowns: { ...unknowns, reading: "permit" } };
    return this.#permitted;
  }
}

const ANY_PATH = { one: "/", pattern: "*" } as const;
const NO_HEADERS: readonly string[] = [];

function knowledgeOf({ sourceAddress, port, detail, path }: RecordedRequest, claims: KnownClaims): Unknowns["isKnown"] {
  const isPathKnown = detail === "whole" && !path.includes("{*}");
  return (attribute: string) => {
    switch (attribute) {
      case "request.path":
        return isPathKnown;
      case "request.method":
        return detail !== "caller";
      case "request.host":
        return detail === "whole";
      case "destination.port":
        return port !== 0;
      case "source.ip":
        return sourceAddress !== undefined;
      case "source.principal":
      case "source.namespace":
      case "source.serviceAccount":
        return true;
      case "request.auth.claims[iss]":
        return claims !== "none";
      default:
        return claims === "all" && attribute.startsWith("request.auth.");
    }
  };
}

/** One of the paths that are meant, and the pattern of all of them where there are others. */
function readPath(path: string): { readonly one: string; readonly pattern: string } {
  if (path.endsWith("*")) return { one: `${path.slice(0, -1)}0`, pattern: path };
  return { one: path.replaceAll("{*}", "0"), pattern: path };
}

function claimsOf(issuer: string): Claims | undefined {
  return issuer === "" ? undefined : { iss: issuer, sub: "0" };
}

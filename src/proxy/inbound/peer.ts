/** Who is connected: another agent, as its certificate names it, or a caller in the clear, known by its address only. */
import { isSignedBy } from "#engine/crypto";
import {
  type AdmittedSvid,
  admitX509Svid,
  namespaceOf,
  parseCertificate,
  type SpiffeId,
  serviceAccountOf,
  type TrustDomain,
} from "#identity";
import { parseAddress, type Result } from "#model";
import { callerAttributes, RecentDecisions, type RequestAttributes, requestAttributes } from "#policy";
import type { Party } from "#telemetry";
import type { ProxyContext } from "../context.ts";
import { RequestTexts } from "../http1-text.ts";
import { selfParty } from "../party.ts";
import type { App } from "./app/app.ts";
import type { ExternalChecks } from "./external-checks.ts";
import type { RateLimits } from "./rate-limits.ts";

export interface InboundPeer {
  readonly context: ProxyContext;
  readonly app: App;
  /** Of all peers. */
  readonly limits: RateLimits;
  readonly checks: ExternalChecks;
  /** For external authorizers: the SPIFFE ID is "" without a certificate. */
  readonly source: { readonly spiffeId: string; readonly address: string };
  /** Slot of the recorder. */
  readonly edge: number;
  /** The same for bytes without HTTP; opened when it is first needed. */
  readonly tcpEdge: () => number;
  /** Gives the slots up. */
  readonly close: () => void;
  /** Reused by each decision on this connection. */
  readonly attributes: RequestAttributes;
  /** Of its requests: who calls in the clear asks for none. */
  readonly serverName: string | undefined;
  /** Of this peer. */
  readonly decisions: RecentDecisions;
  /** Envoy's `x-forwarded-client-cert`, for the app; "" without a certificate. */
  readonly clientCertificate: string;
  readonly texts: RequestTexts;
}

/** Who the peer is, and until when: a valid X.509-SVID of the trust domain that it claims. */
export function identifyPeer(context: ProxyContext, leafDer: Uint8Array): Result<AdmittedSvid> {
  const leaf = parseCertificate(leafDer);
  if (!leaf.ok) return leaf;
  const nowMs = context.clock.nowMs();
  return admitX509Svid(leaf.value, { nowMs, bundles: context.tables.bundles, isSignedBy });
}

/** What all peers reach. */
export interface InboundSide extends Pick<InboundPeer, "app" | "limits" | "checks"> {
  /** Of the listener. */
  readonly address: string;
}

/** Who a peer is, as far as it has shown. */
export type PeerFacts =
  | { readonly kind: "agent"; readonly id: SpiffeId; readonly address: string }
  /** `name` is the address, or "" for one of more than are told apart. */
  | { readonly kind: "plaintext"; readonly name: string; readonly address: string };

/** Addresses of a listener that do not tell where it was reached. */
const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

export function inboundPeer(
  context: ProxyContext,
  { app, limits, checks, address: ownAddress }: InboundSide,
  facts: PeerFacts,
): InboundPeer {
  const ownDomain = context.identity.spiffeId.trustDomain;
  const party = partyOf(facts, ownDomain);
  const mtls = facts.kind === "agent";
  const destination = selfParty(context);
  const openEdge = (protocol: "http" | "tcp"): number =>
    context.recorder.openEdge({ reporter: "destination", source: party, destination, protocol, mtls });
  const edge = openEdge("http");
  let tcpEdge: number | undefined;
  return {
    context,
    app,
    limits,
    checks,
    source: { spiffeId: facts.kind === "agent" ? facts.id.uri : "", address: facts.address },
    edge,
    tcpEdge() {
      tcpEdge ??= openEdge("tcp");
      return tcpEdge;
    },
    close() {
      context.recorder.closeEdge(edge);
      if (tcpEdge !== undefined) context.recorder.closeEdge(tcpEdge);
    },
    attributes: requestAttributes({
      ...(facts.kind === "agent" ? callerAttributes(facts.id, ownDomain) : {}),
      sourceAddress: parseAddress(facts.address),
      destinationAddress: WILDCARDS.has(ownAddress) ? undefined : parseAddress(ownAddress),
      port: app.options.port,
    }),
    serverName: facts.kind === "plaintext" ? "" : undefined,
    decisions: new RecentDecisions(),
    clientCertificate: facts.kind === "agent" ? `By=${context.identity.spiffeId.uri};URI=${facts.id.uri}` : "",
    texts: new RequestTexts(),
  };
}

function partyOf(facts: PeerFacts, ownDomain: TrustDomain): Party {
  const unknown = { namespace: "", workload: "", instance: "", principal: "", service: "", version: "" };
  if (facts.kind === "plaintext") return { ...unknown, instance: facts.name };
  const { id } = facts;
  // A namespace of that name elsewhere is not this one.
  const namespace = id.trustDomain === ownDomain ? (namespaceOf(id) ?? "") : id.trustDomain;
  return { ...unknown, namespace, workload: serviceAccountOf(id) ?? "", principal: id.uri };
}

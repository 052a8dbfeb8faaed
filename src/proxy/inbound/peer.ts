/** Another agent that is connected, as its certificate names it. */
import { isSignedBy } from "#engine/crypto";
import {
  type AdmittedSvid,
  admitX509Svid,
  namespaceOf,
  parseCertificate,
  type SpiffeId,
  serviceAccountOf,
} from "#identity";
import { parseAddress, type Result } from "#model";
import { callerAttributes, RecentDecisions, type RequestAttributes, requestAttributes } from "#policy";
import type { Party } from "#telemetry";
import type { ProxyContext } from "../context.ts";
import { RequestTexts } from "../http1-text.ts";
import { selfParty } from "../party.ts";
import type { App } from "./app/app.ts";
import type { RateLimits } from "./rate-limits.ts";

export interface InboundPeer {
  readonly context: ProxyContext;
  readonly app: App;
  /** Of all peers. */
  readonly limits: RateLimits;
  readonly id: SpiffeId;
  /** Slot of the recorder. */
  readonly edge: number;
  /** The same for bytes without HTTP; opened when it is first needed. */
  readonly tcpEdge: () => number;
  /** Gives the slots up. */
  readonly close: () => void;
  /** Reused by each decision on this connection. */
  readonly attributes: RequestAttributes;
  /** Of this peer. */
  readonly decisions: RecentDecisions;
  /** Envoy's `x-forwarded-client-cert`, for the app. */
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

/** What is known of a peer's connection. */
export interface PeerFacts {
  readonly id: SpiffeId;
  /** Where it comes from. */
  readonly address: string;
  /** Of the listener that it reached. */
  readonly ownAddress: string;
}

/** Addresses of a listener that do not tell where it was reached. */
const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

export function inboundPeer(
  context: ProxyContext,
  { app, limits }: Pick<InboundPeer, "app" | "limits">,
  { id, address, ownAddress }: PeerFacts,
): InboundPeer {
  const ownDomain = context.identity.spiffeId.trustDomain;
  // A namespace of that name elsewhere is not this one.
  const namespace = id.trustDomain === ownDomain ? (namespaceOf(id) ?? "") : id.trustDomain;
  const workload = serviceAccountOf(id) ?? "";
  const source: Party = { namespace, workload, instance: "", principal: id.uri, service: "", version: "" };
  const destination = selfParty(context);
  const openEdge = (protocol: "http" | "tcp"): number =>
    context.recorder.openEdge({ reporter: "destination", source, destination, protocol, mtls: true });
  const edge = openEdge("http");
  let tcpEdge: number | undefined;
  return {
    context,
    app,
    limits,
    id,
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
      ...callerAttributes(id, ownDomain),
      sourceAddress: parseAddress(address),
      destinationAddress: WILDCARDS.has(ownAddress) ? undefined : parseAddress(ownAddress),
      port: app.options.port,
    }),
    decisions: new RecentDecisions(),
    clientCertificate: `By=${context.identity.spiffeId.uri};URI=${id.uri}`,
    texts: new RequestTexts(),
  };
}

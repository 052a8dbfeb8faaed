import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import { type AdmittedSvid, audienceFault, bundleSet, type SpiffeId, svidStanding, workloadSpiffeId } from "#identity";
import {
  attestedRequest,
  type BarredNodes,
  Challenges,
  type JoinTokens,
  type NodeAttestors,
  type NodeEvidence,
  nodeLabel,
  type WorkloadName,
} from "#identity/attestation";
import type { Authority, IssuedJwt, IssuedSvid } from "#identity/authority";
import { DNS_LABEL, failure, problem, type Result, success } from "#model";
import { PeerLimiter, type PeerLimits } from "./peer-limiter.ts";

export interface EnrolRequest extends WorkloadName {
  /** Not looked at where there is evidence. */
  readonly joinToken: string;
  readonly evidence?: NodeEvidence | undefined;
  readonly instance: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
}

export interface RenewRequest {
  readonly instance: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
}

/** Who asks, as the transport knows it: one object a connection. `spiffeId` only when its certificate was validated as an X.509-SVID. */
export interface EnrolmentPeer {
  readonly address: string;
  readonly spiffeId: SpiffeId | undefined;
  /** Absent with `spiffeId`. */
  readonly svid?: AdmittedSvid;
}

/** What an agent gets. */
export interface SvidGrant {
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** DER, leaf first, without the root. */
  readonly certificateChain: readonly Uint8Array[];
  /** DER of issuing authorities and root. */
  readonly authorities: readonly Uint8Array[];
}

/** One issued SVID, for the audit trail and the registry. Never holds a key or a token's secret. */
export interface SvidIssuance {
  readonly by: "enrol" | "renew";
  readonly spiffeId: SpiffeId;
  readonly instance: string;
  readonly serial: string;
  /** Id of the issuing key. */
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly peerAddress: string;
  /** The join token that allowed it; empty for a renewal, and for a node that proved what it is. */
  readonly tokenId: string;
  /** Label of the node that proved what it is; absent for a join token and a renewal. */
  readonly node?: string | undefined;
  /** Serial of the SVID that it renews. */
  readonly renews?: string | undefined;
}

export interface EnrolmentOptions {
  readonly authority: Pick<Authority, "trustDomain" | "bundle" | "issue" | "jwt" | "verifyRequest">;
  readonly joinTokens: Pick<JoinTokens, "attest">;
  readonly nodes: Pick<NodeAttestors, "attest">;
  readonly barred: Pick<BarredNodes, "lift">;
  /** Life of an SVID now, milliseconds: `Mesh.spec.svidTtlMs`. */
  readonly svidTtlMs: () => number;
  readonly clock: Pick<Clock, "nowUs">;
  readonly random: Pick<Random, "bytes">;
  /** URL of the OpenID Connect provider that publishes the keys of JWT-SVIDs. */
  readonly issuer?: string;
  readonly onIssued: (issuance: SvidIssuance) => void;
  readonly limits?: { readonly enrol?: PeerLimits; readonly renew?: PeerLimits; readonly mint?: PeerLimits };
}

/** A host may start some dozens of workloads at once; a guesser pays `FAILURE_COST` a try. */
const ENROL_LIMITS: PeerLimits = { burst: 100, perSecond: 10, peerCountMax: 4096 };
const RENEW_LIMITS: PeerLimits = { burst: 400, perSecond: 100, peerCountMax: 4096 };
const MINT_LIMITS: PeerLimits = { burst: 200, perSecond: 50, peerCountMax: 4096 };
const FAILURE_COST = 9;
/** JWT-SVIDs are bearer tokens: short, since whoever sees one can use it. */
const JWT_TTL_MS = 300_000;

/** Decides who gets an SVID: a joining agent by its token or by what its node proves, a member by the certificate it came with. Knows no transport. */
export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #enrolling: PeerLimiter;
  readonly #renewing: PeerLimiter;
  /** Apart from renewals: a program that asks for tokens without end must not keep certificates from being renewed. */
  readonly #minting: PeerLimiter;

  readonly #challenges: Challenges;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    this.#challenges = new Challenges(options);
    this.#enrolling = new PeerLimiter(options.limits?.enrol ?? ENROL_LIMITS, options.clock);
    this.#renewing = new PeerLimiter(options.limits?.renew ?? RENEW_LIMITS, options.clock);
    this.#minting = new PeerLimiter(options.limits?.mint ?? MINT_LIMITS, options.clock);
  }

  /** A nonce for evidence that comes over the same connection. Fails with `HDL_ENROLMENT_RATE`. */
  challenge(peer: EnrolmentPeer): Result<Uint8Array> {
    return this.#enrolling.admit(peer.address) ? success(this.#challenges.give(peer)) : tooMany(peer);
  }

  /**
   * The first SVID of a workload, for a join token or for evidence of its node. Fails with `HDL_ENROLMENT_RATE`, `HDL_ENROLMENT_NAME`, a code of
   * `#identity/attestation`, or a code of `Authority.issue`; a bad request never uses up the token.
   */
  async enrol(request: EnrolRequest, peer: EnrolmentPeer): Promise<Result<SvidGrant>> {
    if (!this.#enrolling.admit(peer.address)) return tooMany(peer);
    const granted = await this.#enrol(request, peer);
    if (!granted.ok) this.#enrolling.charge(peer.address, FAILURE_COST);
    return granted;
  }

  /**
   * A fresh SVID for who the peer proved to be; nothing in the request can name another. Fails with `HDL_ENROLMENT_RATE`,
   * `HDL_ENROLMENT_NO_IDENTITY`, or a code of `Authority.issue`.
   */
  renew(request: RenewRequest, peer: EnrolmentPeer): Result<SvidGrant> {
    if (!this.#renewing.admit(peer.address)) return tooMany(peer);
    const member = this.#memberOf(peer);
    if (!member.ok) return member;
    if (!DNS_LABEL.test(request.instance)) return badName("instance", request.instance);
    const grant = { by: "renew", spiffeId: member.value, tokenId: "", renews: peer.svid?.serial } as const;
    return this.#issue(grant, request, peer);
  }

  /** A JWT-SVID for who the peer proved to be. Fails as `renew`, and with `HDL_IDENTITY_JWT_INVALID` for audiences that cannot be. */
  mintJwt(audience: readonly string[], peer: EnrolmentPeer): Result<IssuedJwt> {
    if (!this.#minting.admit(peer.address)) return tooMany(peer);
    const member = this.#memberOf(peer);
    if (!member.ok) return member;
    const fault = audienceFault(audience);
    if (fault !== undefined) return failure(problem("HDL_IDENTITY_JWT_INVALID", `No token can be issued: ${fault}.`));
    const { authority, issuer } = this.#options;
    const provider = issuer === undefined ? {} : { issuer };
    return authority.jwt.issue({ spiffeId: member.value, audience, ttlMs: JWT_TTL_MS, ...provider });
  }

  /** Who the peer proved to be, if that still holds. */
  #memberOf({ spiffeId, svid }: EnrolmentPeer): Result<SpiffeId> {
    const { authority } = this.#options;
    if (spiffeId === undefined || spiffeId.trustDomain !== authority.trustDomain)
      return failure(problem("HDL_ENROLMENT_NO_IDENTITY", "The caller has no certificate of this trust domain."));
    // It may have been revoked since its connection was admitted.
    if (svid !== undefined && svidStanding(svid, bundleSet([authority.bundle])) === "distrusted")
      return failure(problem("HDL_IDENTITY_SVID_REVOKED", `This SVID of ${spiffeId.uri} was revoked.`));
    return success(spiffeId);
  }

  async #enrol(request: EnrolRequest, peer: EnrolmentPeer): Promise<Result<SvidGrant>> {
    const { namespace, serviceAccount, instance } = request;
    for (const [what, name] of Object.entries({ namespace, serviceAccount, instance }))
      if (!DNS_LABEL.test(name)) return badName(what, name);
    const { authority } = this.#options;
    const proven = authority.verifyRequest(request.csr);
    if (!proven.ok) return proven;
    const spiffeId = workloadSpiffeId(authority.trustDomain, namespace, serviceAccount);
    const attested = await this.#attest(request, { peer, publicKeyInfo: proven.value });
    if (!attested.ok) return attested;
    return this.#issue({ by: "enrol", spiffeId, ...attested.value }, request, peer);
  }

  /** The id of the join token, or empty and the node. */
  async #attest(
    { joinToken, evidence, ...request }: EnrolRequest,
    { peer, publicKeyInfo }: { readonly peer: EnrolmentPeer; readonly publicKeyInfo: Uint8Array },
  ): Promise<Result<Pick<SvidIssuance, "tokenId" | "node">>> {
    const { namespace, serviceAccount, instance, csr } = request;
    const asked = { namespace, serviceAccount, peerAddress: peer.address };
    if (evidence === undefined) {
      const token = await this.#options.joinTokens.attest({ ...asked, joinToken, publicKeyInfo });
      if (!token.ok) return token;
      const lifted = await this.#options.barred.lift(asked, instance);
      return lifted.ok ? success({ tokenId: token.value.id }) : lifted;
    }
    const nonce = this.#challenges.take(peer);
    if (!nonce.ok) return nonce;
    const signed = attestedRequest({ namespace, serviceAccount, instance, csr, nonce: nonce.value });
    const claim = { ...asked, instance, evidence, request: signed, nonce: nonce.value };
    const node = await this.#options.nodes.attest(claim);
    return node.ok ? success({ tokenId: "", node: nodeLabel(evidence, node.value) }) : node;
  }

  #issue(
    grant: Pick<SvidIssuance, "by" | "spiffeId" | "tokenId" | "node" | "renews">,
    request: RenewRequest,
    peer: EnrolmentPeer,
  ): Result<SvidGrant> {
    const { authority, svidTtlMs, onIssued } = this.#options;
    const issued = authority.issue(request.csr, { spiffeId: grant.spiffeId, ttlMs: svidTtlMs() });
    if (!issued.ok) return issued;
    const { serial, issuer, notBeforeMs, notAfterMs } = issued.value;
    const svid = { serial, issuer, notBeforeMs, notAfterMs };
    onIssued({ ...grant, ...svid, instance: request.instance, peerAddress: peer.address });
    return success(grantOf(issued.value, authority));
  }
}

function grantOf(issued: IssuedSvid, { trustDomain, bundle }: Pick<Authority, "trustDomain" | "bundle">): SvidGrant {
  const { authorities } = bundle;
  return { spiffeId: issued.spiffeId.uri, trustDomain, certificateChain: issued.chain, authorities };
}

function tooMany(peer: EnrolmentPeer): Result<never> {
  return failure(problem("HDL_ENROLMENT_RATE", `${peer.address} asks for certificates too often.`));
}

function badName(what: string, name: string): Result<never> {
  return failure(
    problem("HDL_ENROLMENT_NAME", `${what} ${JSON.stringify(name.slice(0, 80))} is not an RFC 1123 label.`),
  );
}

import type { TlsIdentity } from "#identity";
import type { AttestedRequest, JoinToken, NodeEvidence } from "#identity/attestation";
import type { Result } from "#model";

/** What the server gives for a request: exactly what it says in `heddle.v1.SvidResponse`. Nothing of it is believed unchecked. */
export interface SvidGrant {
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** DER, leaf first, without the root. */
  readonly certificateChain: readonly Uint8Array[];
  /** DER of issuing authorities and root. */
  readonly authorities: readonly Uint8Array[];
}

export interface EnrolCall {
  /** As parsed; its root hash is what the server is known by. */
  readonly token: JoinToken;
  /** As given, for the server. Secret. */
  readonly joinToken: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly instance: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
}

export interface AttestCall {
  /** SHA-256 of each root that the server may be known by, lower-case hexadecimal. */
  readonly rootHashes: readonly string[];
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly instance: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
  /** What the node proves, once the server has given its nonce. */
  readonly prove: (request: AttestedRequest) => Promise<Result<NodeEvidence>>;
}

export interface RenewCall {
  /** The identity to show: the caller's present one. */
  readonly identity: TlsIdentity;
  readonly instance: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
}

/** The server as the keeper of an identity sees it. Each call ends by itself within bounded time, or when the signal aborts. */
export interface IdentityService {
  enrol(call: EnrolCall, signal: AbortSignal): Promise<Result<SvidGrant>>;
  attest(call: AttestCall, signal: AbortSignal): Promise<Result<SvidGrant>>;
  renew(call: RenewCall, signal: AbortSignal): Promise<Result<SvidGrant>>;
}

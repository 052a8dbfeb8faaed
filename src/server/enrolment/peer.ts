import { isSignedBy } from "#engine/crypto";
import { admitX509Svid, type BundleSet, parseCertificate } from "#identity";
import { failure, problem, type Result, success } from "#model";
import type { EnrolmentPeer } from "./enrolment.ts";

/** A peer, and until when it is who it is. */
export interface ConnectionPeer extends EnrolmentPeer {
  /** When its certificate expires, milliseconds since the epoch; infinite for a peer without one. */
  readonly notAfterMs: number;
}

/**
 * Who is at the other end of a TLS connection whose peer has proved to hold the key of `leafDer`: nobody when it showed no
 * certificate (a joining agent), a workload when the certificate is a valid X.509-SVID. Fails when it showed one that is not:
 * such a connection must be closed. Fails with a code of `validateX509Svid`.
 */
export function peerOfConnection(connection: {
  readonly address: string;
  readonly leafDer: Uint8Array | undefined;
  readonly bundles: BundleSet;
  readonly nowMs: number;
}): Result<ConnectionPeer> {
  const { address, leafDer, bundles, nowMs } = connection;
  if (address === "") return failure(problem("HDL_INTERNAL", "A connection without a peer address."));
  if (leafDer === undefined) return success({ address, spiffeId: undefined, notAfterMs: Number.POSITIVE_INFINITY });
  const leaf = parseCertificate(leafDer);
  if (!leaf.ok) return leaf;
  const svid = admitX509Svid(leaf.value, { nowMs, bundles, isSignedBy });
  if (!svid.ok) return svid;
  return success({ address, spiffeId: svid.value.id, svid: svid.value, notAfterMs: svid.value.notAfterMs });
}

import { equalConstantTime, isSignedBy, type SigningKey, sha256Hex } from "#engine/crypto";
import {
  bundleSet,
  encodePem,
  parseCertificate,
  parseTrustDomain,
  type TlsIdentity,
  validateX509Svid,
  workloadSpiffeId,
} from "#identity";
import { failure, problem, type Result, success } from "#model";
import type { SvidGrant } from "./service.ts";

export interface Expectation {
  readonly key: SigningKey;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly nowMs: number;
  /** How far the server's clock may be ahead or behind, milliseconds. */
  readonly skewMs: number;
  /** SHA-256 of roots of which one must be among the authorities; undefined when the channel proved it. */
  readonly rootHashes: readonly string[] | undefined;
}

const CHAIN_LENGTH_MAX = 4;
const AUTHORITY_COUNT_MAX = 16;

/**
 * Turns what the server answered into an identity, only if it is for this key and this workload, and vouched for by the very
 * authorities that came with it. A wrong answer here would make the agent serve what its peers refuse. Fails with
 * `HDL_IDENTITY_GRANT_REFUSED` or a code of `validateX509Svid`.
 */
export function acceptGrant(grant: SvidGrant, expected: Expectation): Result<TlsIdentity> {
  const { key, namespace, serviceAccount, nowMs, skewMs } = expected;
  const trustDomain = parseTrustDomain(grant.trustDomain);
  if (!trustDomain.ok) return trustDomain;
  const fault = shapeFault(grant, expected);
  if (fault !== undefined) return refuse(fault);
  const leaf = parseCertificate(grant.certificateChain[0] ?? new Uint8Array());
  if (!leaf.ok) return leaf;
  const bundles = bundleSet([{ trustDomain: trustDomain.value, authorities: grant.authorities, sequence: 0 }]);
  const spiffeId = validateX509Svid(leaf.value, { nowMs, skewMs, bundles, isSignedBy });
  if (!spiffeId.ok) return spiffeId;
  if (spiffeId.value.uri !== workloadSpiffeId(trustDomain.value, namespace, serviceAccount).uri)
    return refuse(`it names ${spiffeId.value.uri}`);
  if (!equalConstantTime(leaf.value.publicKeyInfo, key.publicKeyInfo)) return refuse("it is for another key");
  return success({
    spiffeId: spiffeId.value,
    certificateChainPem: grant.certificateChain.map((der) => encodePem("CERTIFICATE", der)).join(""),
    privateKeyPem: encodePem("PRIVATE KEY", key.exportPkcs8()),
    authoritiesPem: grant.authorities.map((der) => encodePem("CERTIFICATE", der)),
    notBeforeMs: leaf.value.notBeforeMs,
    notAfterMs: leaf.value.notAfterMs,
  });
}

function shapeFault(grant: SvidGrant, { rootHashes }: Expectation): string | undefined {
  const { certificateChain, authorities } = grant;
  if (certificateChain.length < 1 || certificateChain.length > CHAIN_LENGTH_MAX)
    return "its chain is empty or too long";
  if (authorities.length < 1 || authorities.length > AUTHORITY_COUNT_MAX) return "it has no authorities or too many";
  if (rootHashes !== undefined && !authorities.some((der) => rootHashes.includes(sha256Hex(der))))
    return "no root that this agent was given is among its authorities";
  return undefined;
}

function refuse(why: string): Result<never> {
  return failure(
    problem("HDL_IDENTITY_GRANT_REFUSED", `The server's certificate for this workload is not usable: ${why}.`),
  );
}

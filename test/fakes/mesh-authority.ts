import { generateSigningKey, type SigningKey, sha256 } from "#engine/crypto";
import { systemRandom } from "#engine/random";
import {
  type Bundle,
  type CertificateTemplate,
  encodeCertificate,
  encodePem,
  parseSpiffeId,
  parseTrustDomain,
  svidDnsName,
  type TlsIdentity,
  type TrustDomain,
} from "#identity";
import { valueOrThrow } from "#model";

const HOUR_MS = 3_600_000;

/** A trust domain with one self-signed authority, in memory: real certificates for tests, at once. */
export interface FakeAuthority {
  readonly trustDomain: TrustDomain;
  readonly der: Uint8Array;
  readonly pem: string;
  readonly bundle: Bundle;
  readonly key: SigningKey;
  /** A leaf in DER; every field of the certificate can be made wrong. */
  leaf(uri: string, wrong?: Partial<CertificateTemplate> & { readonly signer?: SigningKey }): Uint8Array;
  /** Key and certificate of a workload such as `shop/catalog`, or of a whole SPIFFE ID. */
  identity(workload: string, wrong?: Partial<CertificateTemplate>): TlsIdentity;
}

interface Keys {
  readonly leaf: SigningKey;
  readonly signer?: SigningKey | undefined;
}

export function fakeAuthority(trustDomain = "test.example", nowMs = Date.now()): FakeAuthority {
  const key = generateSigningKey();
  const name = { organization: trustDomain, commonName: "fake authority" };
  const base = (publicKeyInfo: Uint8Array, uri: string): CertificateTemplate => ({
    serial: systemRandom.bytes(16),
    issuer: name,
    subject: { organization: "", commonName: "" },
    notBeforeMs: nowMs - HOUR_MS,
    notAfterMs: nowMs + HOUR_MS,
    publicKeyInfo,
    subjectKeyId: sha256(publicKeyInfo).subarray(0, 20),
    authorityKeyId: sha256(key.publicKeyInfo).subarray(0, 20),
    role: { kind: "leaf" },
    uri,
    dnsNames: [],
  });
  const self = { ...base(key.publicKeyInfo, `spiffe://${trustDomain}`), subject: name };
  const der = encodeCertificate({ ...self, role: { kind: "authority", pathLength: 0 } }, key.sign);
  const pem = encodePem("CERTIFICATE", der);
  const domain = valueOrThrow(parseTrustDomain(trustDomain));
  const leafFor = (keys: Keys, uri: string, wrong: Partial<CertificateTemplate>): Uint8Array => {
    const id = parseSpiffeId(uri);
    const names = { dnsNames: id.ok ? [svidDnsName(id.value)] : [] };
    return encodeCertificate({ ...base(keys.leaf.publicKeyInfo, uri), ...names, ...wrong }, (keys.signer ?? key).sign);
  };
  return {
    trustDomain: domain,
    der,
    pem,
    key,
    bundle: { trustDomain: domain, authorities: [der], sequence: 1 },
    leaf: (uri, { signer, ...wrong } = {}) => leafFor({ leaf: generateSigningKey(), signer }, uri, wrong),
    identity(workload, wrong = {}) {
      const [namespace, account] = workload.split("/");
      const uri = workload.includes(":") ? workload : `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`;
      const leafKey = generateSigningKey();
      const times = { notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs + HOUR_MS, ...wrong };
      return {
        spiffeId: valueOrThrow(parseSpiffeId(uri)),
        certificateChainPem: encodePem("CERTIFICATE", leafFor({ leaf: leafKey }, uri, wrong)) + pem,
        privateKeyPem: encodePem("PRIVATE KEY", leafKey.exportPkcs8()),
        authoritiesPem: [pem],
        notBeforeMs: times.notBeforeMs,
        notAfterMs: times.notAfterMs,
      };
    },
  };
}

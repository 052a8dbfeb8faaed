/** Certificates that must make nobody an identity, as whoever holds a key, a leaf or an authority of another domain could make them. */
import { generateSigningKey, type SigningKey, sha256 } from "#engine/crypto";
import { systemRandom } from "#engine/random";
import { type CertificateTemplate, encodeCertificate, encodePem, parseSpiffeId, type TlsIdentity } from "#identity";
import { valueOrThrow } from "#model";
import { type FakeAuthority, fakeAuthority } from "./mesh-authority.ts";

const HOUR_MS = 3_600_000;
const AUTHORITY = { kind: "authority", pathLength: 0 } as const;
const CLIENT_AUTH = "\x2b\x06\x01\x05\x05\x07\x03\x02";
const SOMETHING_ELSE = "\x2b\x06\x01\x05\x05\x07\x03\x09";

function identityOf(uri: string, leaf: Uint8Array, key: SigningKey, above: string): TlsIdentity {
  return {
    spiffeId: valueOrThrow(parseSpiffeId(uri)),
    certificateChainPem: encodePem("CERTIFICATE", leaf) + above,
    privateKeyPem: encodePem("PRIVATE KEY", key.exportPkcs8()),
    authoritiesPem: [],
    notBeforeMs: 0,
    notAfterMs: Date.now() + HOUR_MS,
  };
}

/** Signed by the key of a good leaf, which stands above it in the chain. */
function byLeaf(authority: FakeAuthority, leafUri: string, uri: string): TlsIdentity {
  const [leafKey, key] = [generateSigningKey(), generateSigningKey()];
  const name = { organization: "", commonName: "a workload" };
  const stolen = authority.leaf(leafUri, { publicKeyInfo: leafKey.publicKeyInfo, subject: name });
  const forged = authority.leaf(uri, {
    publicKeyInfo: key.publicKeyInfo,
    issuer: name,
    authorityKeyId: sha256(leafKey.publicKeyInfo).subarray(0, 20),
    signer: leafKey,
  });
  return identityOf(uri, forged, key, encodePem("CERTIFICATE", stolen) + authority.pem);
}

/** Well signed by the domain's own authority, with a change of its bytes that our encoder does not make. */
function patched(
  authority: FakeAuthority,
  uri: string,
  {
    change,
    role = { kind: "leaf" },
  }: { readonly change: readonly [string, string]; readonly role?: CertificateTemplate["role"] },
): TlsIdentity {
  const key = generateSigningKey();
  const patch = (der: Uint8Array): Uint8Array => {
    const [from, to] = change.map((text) => Buffer.from(text, "latin1"));
    const copy = Buffer.from(der);
    const at = copy.indexOf(from ?? "");
    if (at < 0 || from?.length !== to?.length) throw new Error("nothing to patch");
    to?.copy(copy, at);
    return new Uint8Array(copy);
  };
  const template: CertificateTemplate = {
    serial: systemRandom.bytes(16),
    issuer: { organization: authority.trustDomain, commonName: "fake authority" },
    subject: { organization: "", commonName: "" },
    notBeforeMs: Date.now() - HOUR_MS,
    notAfterMs: Date.now() + HOUR_MS,
    publicKeyInfo: key.publicKeyInfo,
    subjectKeyId: sha256(key.publicKeyInfo).subarray(0, 20),
    authorityKeyId: sha256(authority.key.publicKeyInfo).subarray(0, 20),
    role,
    uri,
    dnsNames: ["spiffe:.second"],
  };
  const leaf = patch(encodeCertificate(template, (data) => authority.key.sign(patch(data))));
  return identityOf(uri, leaf, key, authority.pem);
}

/** By what is wrong with each; `uri` is who it claims to be. */
export function forgedIdentities(
  authority: FakeAuthority,
  workload: string,
): readonly (readonly [what: string, identity: TlsIdentity])[] {
  const uri = `spiffe://${authority.trustDomain}/ns/${workload.replace("/", "/sa/")}`;
  const nowMs = Date.now();
  const foreign = fakeAuthority("foreign.example");
  const second = "spiffe:.second";
  const length = String.fromCharCode(uri.length);
  return [
    ["has expired", authority.identity(workload, { notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs - 2000 })],
    ["is not valid yet", authority.identity(workload, { notBeforeMs: nowMs + 60_000 })],
    ["is of a foreign trust domain", foreign.identity(workload)],
    ["claims our trust domain by a foreign authority", foreign.identity(uri)],
    ["is by a stranger who bears our authority's name", fakeAuthority(authority.trustDomain).identity(workload)],
    ["claims a foreign trust domain by our authority", authority.identity(`spiffe://foreign.example/ns/shop/sa/front`)],
    ["is signed by a leaf of ours", byLeaf(authority, uri, uri)],
    // The engine loads no key whose certificate does not let it sign.
    [
      "is an authority itself",
      patched(authority, uri, { role: AUTHORITY, change: ["\x03\x02\x01\x06", "\x03\x02\x01\x86"] }),
    ],
    ["may sign certificates", patched(authority, uri, { change: ["\x03\x02\x07\x80", "\x03\x02\x02\x84"] })],
    ["has two URI names", patched(authority, uri, { change: [`\x82\x0e${second}`, "\x86\x0espiffe://other"] })],
    ["has no URI name", patched(authority, uri, { change: [`\x86${length}`, `\x82${length}`] })],
    ["is for servers alone", patched(authority, uri, { change: [CLIENT_AUTH, SOMETHING_ELSE] })],
    ["names its trust domain and no workload", authority.identity(`spiffe://${authority.trustDomain}`)],
  ];
}

/** A certificate authority as companies have them, beside the mesh: it knows no SPIFFE, and certifies hosts by EC or RSA keys. */
import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { encodePem } from "#identity";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};
const ALGORITHMS = { EC, RSA, weak: { ...RSA, modulusLength: 1024 }, "SHA-1": { ...RSA, hash: "SHA-1" } };
const DAY_MS = 86_400_000;
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export interface CertificateWish {
  /** As RFC 4514 writes it, such as `CN=host-1, O=Company`. */
  readonly subject: string;
  readonly algorithm?: keyof typeof ALGORITHMS;
  readonly dnsNames?: readonly string[];
  readonly uris?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly extendedKeyUsage?: readonly string[];
  readonly keyUsage?: number;
}

/** What a host was given. */
export interface HostCertificate {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly chainPem: string;
  readonly keyPem: string;
}

export class CompanyAuthority {
  /** The root, then whatever is between. */
  readonly #path: readonly Uint8Array[];
  readonly #keys: CryptoKeyPair;
  readonly #name: string;

  private constructor(name: string, keys: CryptoKeyPair, path: readonly Uint8Array[]) {
    this.#name = name;
    this.#keys = keys;
    this.#path = path;
  }

  static async found(name = "CN=company root", algorithm: keyof typeof ALGORITHMS = "EC"): Promise<CompanyAuthority> {
    const keys = await keyPair(algorithm);
    const der = await certify({ subject: name, issuer: name, publicKey: keys.publicKey, signer: keys }, authority());
    return new CompanyAuthority(name, keys, [der]);
  }

  /** DER of the certificate that it signs by. */
  get der(): Uint8Array {
    return this.#path.at(-1) ?? new Uint8Array();
  }

  get pem(): string {
    return encodePem("CERTIFICATE", this.der);
  }

  /** PKCS#8, PEM. */
  keyPem(): Promise<string> {
    return pemOf(this.#keys.privateKey);
  }

  async intermediate(subject: string, pathLength?: number): Promise<CompanyAuthority> {
    const keys = await keyPair("EC");
    const who = { subject, issuer: this.#name, publicKey: keys.publicKey, signer: this.#keys };
    const der = await certify(who, authority(pathLength));
    return new CompanyAuthority(subject, keys, [...this.#path, der]);
  }

  /** A certificate with its key; the chain leaves the root out. */
  async host(wish: CertificateWish): Promise<HostCertificate> {
    const keys = await keyPair(wish.algorithm ?? "EC");
    const names = [
      ...(wish.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
      ...(wish.uris ?? []).map((value) => ({ type: "url" as const, value })),
    ];
    const extensions = [
      new KeyUsagesExtension(wish.keyUsage ?? KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([...(wish.extendedKeyUsage ?? [CLIENT_AUTH])]),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
    ];
    const who = { ...wish, issuer: this.#name, publicKey: keys.publicKey, signer: this.#keys };
    const chain = [await certify(who, extensions), ...this.#path.slice(1).reverse()];
    const chainPem = chain.map((der) => encodePem("CERTIFICATE", der)).join("");
    return { chain, chainPem, keyPem: await pemOf(keys.privateKey) };
  }
}

function authority(pathLength?: number): Extension[] {
  return [
    new BasicConstraintsExtension(true, pathLength, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ];
}

async function certify(
  who: Pick<CertificateWish, "subject" | "notBeforeMs" | "notAfterMs"> & {
    readonly issuer: string;
    readonly publicKey: CryptoKey;
    readonly signer: CryptoKeyPair;
  },
  extensions: readonly Extension[],
): Promise<Uint8Array> {
  const { notBeforeMs = Date.now() - DAY_MS, notAfterMs = Date.now() + DAY_MS, signer, ...rest } = who;
  const ids = [
    await SubjectKeyIdentifierExtension.create(rest.publicKey),
    await AuthorityKeyIdentifierExtension.create(signer.publicKey),
  ];
  const certificate = await X509CertificateGenerator.create({
    ...rest,
    serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    signingKey: signer.privateKey,
    signingAlgorithm: {
      ...(signer.privateKey.algorithm as { readonly name: string }),
      hash: hashOf(signer.privateKey),
    },
    extensions: [...extensions, ...ids],
  });
  return new Uint8Array(certificate.rawData);
}

function hashOf({ algorithm }: CryptoKey): string {
  return (algorithm as { readonly hash?: { readonly name: string } }).hash?.name ?? "SHA-256";
}

async function keyPair(algorithm: keyof typeof ALGORITHMS): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(ALGORITHMS[algorithm], true, ["sign", "verify"])) as CryptoKeyPair;
}

async function pemOf(key: CryptoKey): Promise<string> {
  return encodePem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", key)));
}

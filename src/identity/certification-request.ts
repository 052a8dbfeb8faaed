import { failure, problem, type Result, success } from "#model";
import { authorityExtensions, type DistinguishedName, encodeName } from "./certificate-encoding.ts";
import { DerFault, DerReader, der, derObjectId, readBits, readObjectId, TAG } from "./der.ts";

/** A PKCS#10 request as received. Whoever issues must verify `signature` over `signedBytes` with the key it asks a certificate for. */
export interface CertificationRequest {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
  /** Digest of its ECDSA signature; other algorithms are refused. */
  readonly hash: "sha256" | "sha384";
}

const REQUEST_BYTES_MAX = 8192;
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const VERSION_1 = Uint8Array.of(0x02, 0x01, 0x00);
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3";

/** What a request of an authority asks for. */
export interface RequestedAuthority {
  readonly subject: DistinguishedName;
  /** The one URI name. */
  readonly uri: string;
}

/**
 * A PKCS#10 request (RFC 2986), DER. Without `authority` it asks for no name at all: the server gives the name. With one it asks for an
 * authority's extensions. `sign` makes an ECDSA-SHA-256 signature, which proves possession of the key.
 */
export function encodeCertificationRequest(
  key: { readonly publicKeyInfo: Uint8Array; readonly sign: (data: Uint8Array) => Uint8Array },
  authority?: RequestedAuthority,
): Uint8Array {
  const subject = authority === undefined ? der(TAG.sequence) : encodeName(authority.subject);
  const attributes = authority === undefined ? [] : [extensionRequest(authority.uri)];
  const information = der(TAG.sequence, VERSION_1, subject, key.publicKeyInfo, der(0xa0, ...attributes));
  const signature = der(TAG.bitString, Uint8Array.of(0), key.sign(information));
  return der(TAG.sequence, information, der(TAG.sequence, derObjectId(ECDSA_WITH_SHA256)), signature);
}

/** PKCS#9 extensionRequest (RFC 2985 §5.4.2). */
function extensionRequest(uri: string): Uint8Array {
  const extensions = authorityExtensions({ uri, pathLength: 0 });
  return der(TAG.sequence, derObjectId(EXTENSION_REQUEST), der(TAG.set, der(TAG.sequence, ...extensions)));
}

/**
 * Reads a PKCS#10 request. The subject and the attributes that it asks for are passed over on purpose.
 * Fails with `HDL_IDENTITY_REQUEST_MALFORMED`.
 */
export function parseCertificationRequest(bytes: Uint8Array): Result<CertificationRequest> {
  if (bytes.length > REQUEST_BYTES_MAX) return malformed(`it is larger than ${REQUEST_BYTES_MAX} bytes`);
  try {
    return success(readRequest(bytes));
  } catch (fault) {
    if (fault instanceof DerFault) return malformed(fault.message);
    throw fault;
  }
}

function readRequest(bytes: Uint8Array): CertificationRequest {
  const outer = new DerReader(bytes);
  const request = outer.enter(TAG.sequence);
  outer.end();
  const information = request.read(TAG.sequence);
  const algorithm = readObjectId(request.enter(TAG.sequence).read(TAG.objectId).content);
  const signature = readBits(request.read(TAG.bitString).content, true);
  request.end();
  const body = new DerReader(information.content);
  body.read(TAG.integer);
  body.read(TAG.sequence);
  const publicKeyInfo = body.read(TAG.sequence).encoded;
  body.readIf(0xa0);
  body.end();
  return { publicKeyInfo, signedBytes: information.encoded, signature, hash: hashOf(algorithm) };
}

function hashOf(algorithm: string): "sha256" | "sha384" {
  if (algorithm === ECDSA_WITH_SHA256) return "sha256";
  if (algorithm === ECDSA_WITH_SHA384) return "sha384";
  throw new DerFault(`signature algorithm ${algorithm} is not accepted`);
}

function malformed(why: string): Result<never> {
  return failure(problem("HDL_IDENTITY_REQUEST_MALFORMED", `The certification request cannot be read: ${why}.`));
}

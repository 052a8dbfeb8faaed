/** A trust bundle as federation exchanges it: a JWK set (SPIFFE Trust Domain and Bundle §4). Pure; keys are turned by `#engine/crypto`. */
import { failure, problem, type Result, success } from "#model";
import { BUNDLE_AUTHORITIES_MAX, type Bundle } from "./bundle.ts";
import { parseCertificate } from "./certificate.ts";
import { JWT_AUTHORITIES_MAX, type JwtAuthority } from "./jwt-svid.ts";
import { parseRevocationEntries, type RevocationEntry, revocationEntry } from "./revocation-entry.ts";
import type { TrustDomain } from "./spiffe-id.ts";

/** Public keys in and out of JSON Web Keys. */
export interface JwkCodec {
  readonly jwkOf: (publicKeyInfo: Uint8Array) => Readonly<Record<string, unknown>>;
  /** Undefined for a key of a kind that is not known. */
  readonly publicKeyOfJwk: (jwk: Readonly<Record<string, unknown>>) => Uint8Array | undefined;
}

/** A bundle of another domain as it was read, and when to ask again. */
export interface ReadBundle {
  readonly bundle: Bundle;
  /** What its publisher advises, seconds; undefined when it advises nothing. */
  readonly refreshHintS: number | undefined;
}

/** Room for all revocations that a bundle may hold, each of a long name. */
export const BUNDLE_DOCUMENT_LENGTH_MAX = 2_097_152;
const KEYS_MAX = 128;

/** A member that a reader does not know is passed over (RFC 7517 §5): revocations travel in one of ours, since the standard has none for them. */
interface BundleDocument {
  readonly spiffe_sequence: number;
  readonly spiffe_refresh_hint: number;
  readonly keys: readonly object[];
  readonly heddle_revocations: readonly RevocationEntry[];
}

/** The document that others fetch. `refreshHintS` says how soon they should look again. */
export function encodeBundleDocument(bundle: Bundle, refreshHintS: number, codec: Pick<JwkCodec, "jwkOf">): string {
  const x509 = bundle.authorities.flatMap((der) => {
    const facts = parseCertificate(der);
    if (!facts.ok) return [];
    const x5c = [Buffer.from(der).toString("base64")];
    return [{ use: "x509-svid", ...codec.jwkOf(facts.value.publicKeyInfo), x5c }];
  });
  const jwt = jwtKeys(bundle, codec).map((each) => ({ use: "jwt-svid", ...each }));
  const document: BundleDocument = {
    spiffe_sequence: bundle.sequence,
    spiffe_refresh_hint: refreshHintS,
    keys: [...x509, ...jwt],
    heddle_revocations: (bundle.revocations ?? []).map(revocationEntry),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** The keys of JWT-SVIDs as OpenID Connect providers publish them (RFC 7517). */
export function encodeJwtKeySet(bundle: Bundle, codec: Pick<JwkCodec, "jwkOf">): string {
  return `${JSON.stringify({ keys: jwtKeys(bundle, codec).map((each) => ({ use: "sig", ...each })) }, undefined, 2)}\n`;
}

/** Reads a document. What is neither kind of key is passed over, as the standard asks. Fails with `HDL_FEDERATION_BUNDLE`. */
export function parseBundleDocument(
  text: string,
  trustDomain: TrustDomain,
  codec: Pick<JwkCodec, "publicKeyOfJwk">,
): Result<ReadBundle> {
  const document = text.length > BUNDLE_DOCUMENT_LENGTH_MAX ? undefined : objectIn(text);
  const keys = document?.["keys"];
  if (document === undefined || !Array.isArray(keys)) return unusable("it is no JSON object with `keys`");
  if (keys.length > KEYS_MAX) return unusable(`it has more than ${KEYS_MAX} keys`);
  const entries = keys.filter(isObject);
  const authorities: Uint8Array[] = [];
  for (const entry of entries.filter(({ use }) => use === "x509-svid")) {
    const der = authorityOf(entry, trustDomain);
    if (typeof der === "string") return unusable(der);
    authorities.push(der);
  }
  if (authorities.length === 0) return unusable("it holds no X.509 authority");
  if (authorities.length > BUNDLE_AUTHORITIES_MAX) return unusable(`it holds more than ${BUNDLE_AUTHORITIES_MAX}`);
  const jwtAuthorities = entries.flatMap((entry) => jwtAuthorityOf(entry, codec)).slice(0, JWT_AUTHORITIES_MAX);
  const revocations = parseRevocationEntries(document["heddle_revocations"], trustDomain);
  if (typeof revocations === "string") return unusable(revocations);
  const sequence = numberOr(document["spiffe_sequence"], 0);
  const refreshHintS = numberOr(document["spiffe_refresh_hint"], undefined);
  return success({ bundle: { trustDomain, authorities, sequence, revocations, jwtAuthorities }, refreshHintS });
}

function jwtKeys({ jwtAuthorities = [] }: Bundle, { jwkOf }: Pick<JwkCodec, "jwkOf">) {
  return jwtAuthorities.map(({ keyId, publicKeyInfo }) => ({ kid: keyId, alg: "ES256", ...jwkOf(publicKeyInfo) }));
}

/** Exactly one certificate, of an authority that may speak for this domain; a text says why it is not. */
function authorityOf({ x5c }: Readonly<Record<string, unknown>>, trustDomain: TrustDomain): Uint8Array | string {
  const [only] = Array.isArray(x5c) && x5c.length === 1 ? x5c : [];
  if (typeof only !== "string") return "one of its X.509 keys has no single certificate";
  const der = new Uint8Array(Buffer.from(only, "base64"));
  const facts = parseCertificate(der);
  if (!facts.ok || !facts.value.isCa) return "one of its certificates is not an authority's";
  const [uri] = facts.value.uriSans;
  if (uri !== undefined && uri !== `spiffe://${trustDomain}`)
    return `one of its authorities is of ${uri.slice(0, 120)}`;
  return der;
}

function jwtAuthorityOf(
  entry: Readonly<Record<string, unknown>>,
  { publicKeyOfJwk }: Pick<JwkCodec, "publicKeyOfJwk">,
): readonly JwtAuthority[] {
  const { use, kid } = entry;
  const publicKeyInfo = use === "jwt-svid" && typeof kid === "string" ? publicKeyOfJwk(entry) : undefined;
  return publicKeyInfo === undefined || typeof kid !== "string" ? [] : [{ keyId: kid, publicKeyInfo }];
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function numberOr<T>(value: unknown, otherwise: T): number | T {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}

function unusable(why: string): Result<never> {
  return failure(problem("HDL_FEDERATION_BUNDLE", `The bundle cannot be used: ${why}.`));
}

/** A JSON Web Token as it is sent: the compact serialization of a JWS (RFC 7515 §7.1, RFC 7519). Nothing in it is believed here. */
import { TOKEN_ALGORITHMS, type TokenAlgorithm } from "#model";

export interface CompactToken {
  readonly algorithm: TokenAlgorithm;
  /** "" for none. */
  readonly kid: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** In base64url, as it was sent. */
  readonly payload: string;
  /** What the signature is over. */
  readonly signed: string;
  readonly signature: Uint8Array;
}

/** Longer ones are refused before anything of them is read: what a stranger makes us decode is bounded. */
export const TOKEN_CHARS_MAX = 16 * 1024;

const FORM = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/** The parts, or why it is no token that could be taken. */
export function parseCompactToken(text: string): CompactToken | string {
  if (text.length > TOKEN_CHARS_MAX) return `is longer than ${TOKEN_CHARS_MAX} characters`;
  const [, first = "", payload = "", last = ""] = FORM.exec(text) ?? [];
  const header = objectIn(first);
  const claims = objectIn(payload);
  const signature = bytesOf(last);
  if (header === undefined || claims === undefined || signature === undefined) return "is no signed JSON Web Token";
  const { alg, kid = "", crit } = header;
  const algorithm = TOKEN_ALGORITHMS.find((each) => each === alg);
  if (algorithm === undefined) return "is signed in a way that is not accepted";
  // RFC 7515 §4.1.11: an extension that is not understood is not passed over, and none is understood.
  if (crit !== undefined) return "needs an extension that is not known";
  if (typeof kid !== "string") return "names its key by what is no text";
  return { algorithm, kid, claims, payload, signed: `${first}.${payload}`, signature };
}

function objectIn(base64Url: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = bytesOf(base64Url);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for what is no base64url, or is one of several ways to write the same bytes. */
function bytesOf(base64Url: string): Uint8Array | undefined {
  try {
    const bytes = Uint8Array.fromBase64(base64Url, { alphabet: "base64url", lastChunkHandling: "loose" });
    const isCanonical = bytes.toBase64({ alphabet: "base64url", omitPadding: true }) === base64Url;
    return isCanonical ? bytes : undefined;
  } catch {
    return undefined;
  }
}

import { failure, problem, type Result, success } from "#model";

/** What a joining agent is given: whom to dial, by which root to know it, and the secret that proves its right to join. */
export interface JoinToken {
  /** `host:port` of the server's listener for agents. */
  readonly server: string;
  /** SHA-256 of the root's certificate (DER), lower-case hexadecimal. The server's chain must lead to it. */
  readonly rootHash: string;
  /** Names the token; not secret, may be logged. */
  readonly id: string;
  /** Base64url of 32 random bytes. */
  readonly secret: string;
}

const PREFIX = "hjt1.";
const TEXT_LENGTH_MAX = 2048;
const HEX_64 = /^[0-9a-f]{64}$/;
const TOKEN_ID = /^[0-9a-f]{16}$/;
const TOKEN_SECRET = /^[A-Za-z0-9_-]{43}$/;
const SERVER = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253}):\d{1,5}$/;

/** One line of text that can be pasted: `hjt1.` and base64url. */
export function encodeJoinToken(token: JoinToken): string {
  const { server, rootHash, id, secret } = token;
  return PREFIX + encodeBase64Url(new TextEncoder().encode(JSON.stringify({ server, ca: rootHash, id, secret })));
}

/** Reads a join token; white space around it does not matter. Fails with `HDL_ATTESTATION_TOKEN_MALFORMED`, never showing the text. */
export function parseJoinToken(text: string): Result<JoinToken> {
  const fields = readFields(text.trim());
  const [server = "", rootHash = "", id = "", secret = ""] = fields ?? [];
  if (SERVER.test(server) && HEX_64.test(rootHash) && TOKEN_ID.test(id) && TOKEN_SECRET.test(secret))
    return success({ server, rootHash, id, secret });
  return failure(problem("HDL_ATTESTATION_TOKEN_MALFORMED", "The text given is not a join token."));
}

/** Base64url without padding (RFC 4648 §5). */
export function encodeBase64Url(octets: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...octets));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function readFields(text: string): readonly string[] | undefined {
  if (text.length > TEXT_LENGTH_MAX || !text.startsWith(PREFIX)) return undefined;
  try {
    const json = atob(text.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/"));
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null) return undefined;
    const fields = new Map<string, unknown>(Object.entries(value));
    return ["server", "ca", "id", "secret"].map((name) => String(fields.get(name)));
  } catch {
    return undefined;
  }
}

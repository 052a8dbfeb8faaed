import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** SHA-256 of the data, 32 bytes. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return createHash("sha256").update(data).digest();
}

/** SHA-256 of the data in lower-case hexadecimal. */
export function sha256Hex(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-1 of the text in base64: what RFC 6455 §4.2.2 asks of a WebSocket's server. It protects nothing. */
export function sha1Base64(text: string): string {
  return createHash("sha1").update(text, "latin1").digest("base64");
}

/** HMAC-SHA-256, 32 bytes. */
export function hmacSha256(key: Uint8Array, data: Uint8Array | string): Uint8Array {
  return createHmac("sha256", key).update(data).digest();
}

/** Whether two secrets are equal, in a time that tells nothing about where they differ (only whether their lengths do). */
export function equalConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

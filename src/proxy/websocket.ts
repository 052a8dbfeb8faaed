/**
 * WebSocket's handshake between the versions of HTTP. In HTTP/1.1 a key and its digest show that both sides mean it (RFC 6455 §1.3); in
 * HTTP/2 the stream's `:protocol` does, and there is no key (RFC 8441 §5). Whoever joins the two makes what the other side lacks.
 */
import { sha1Base64 } from "#engine/crypto";
import type { FieldList } from "#wire/fields";

export const KEY = "sec-websocket-key";
export const ACCEPT = "sec-websocket-accept";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES = 16;

/** A key as a client makes one. It is no secret: it only has to differ from one handshake to the next. */
export function makeKey(random: () => number): string {
  return Buffer.from(Array.from({ length: KEY_BYTES }, () => Math.floor(random() * 256))).toString("base64");
}

/** What a server answers to a key. */
export function acceptFor(key: string): string {
  return sha1Base64(key + GUID);
}

export function withoutField(fields: FieldList, name: string): FieldList {
  const kept: FieldList = [];
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== name) kept.push(fields[index] as string, fields[index + 1] as string);
  }
  return kept;
}

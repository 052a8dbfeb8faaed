/** How long a body is (RFC 9112 §6), and what a head asks of its connection (§9). */
import type { FieldList } from "#wire/fields";
import type { Http1Fault } from "./fault.ts";

export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** A response whose end is the connection's end. */
  | { readonly kind: "until-close" };

export const NO_BODY: Framing = { kind: "none" };
export const CHUNKED: Framing = { kind: "chunked" };
export const UNTIL_CLOSE: Framing = { kind: "until-close" };

/** What the fields say about framing, connection and expectations, gathered in one pass. */
export class FramingFields {
  hosts = 0;
  host = "";
  contentLength = -1;
  isChunked = false;
  hasTransferEncoding = false;
  wantsClose = false;
  wantsKeepAlive = false;
  expectsContinue = false;
  connectionHasUpgrade = false;
  upgrade = "";
  fault: Http1Fault | undefined = undefined;
}

export function readFramingFields(fields: FieldList): FramingFields {
  const found = new FramingFields();
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] ?? "";
    switch (fields[index] as string) {
      case "host":
        found.hosts++;
        found.host = value;
        break;
      case "content-length":
        readContentLength(value, found);
        break;
      case "transfer-encoding":
        readTransferEncoding(value, found);
        break;
      case "connection":
        readConnection(value, found);
        break;
      case "expect":
        found.expectsContinue = value.toLowerCase() === "100-continue";
        break;
      case "upgrade":
        found.upgrade = value;
        break;
    }
  }
  // A sender of both is confused or hostile (RFC 9112 §6.1): the two lengths are how requests are smuggled.
  if (found.hasTransferEncoding && found.contentLength >= 0) found.fault ??= "length-and-encoding";
  return found;
}

/** Digits only; a repeated field or a list is refused even when its values agree (RFC 9110 §8.6 allows either). */
function readContentLength(value: string, found: FramingFields): void {
  if (found.contentLength >= 0 || !/^[0-9]{1,15}$/.test(value)) found.fault ??= "bad-content-length";
  else found.contentLength = Number(value);
}

/** `chunked` alone is understood; any other coding, list or repetition is refused. */
function readTransferEncoding(value: string, found: FramingFields): void {
  if (found.hasTransferEncoding || value.toLowerCase() !== "chunked") found.fault ??= "bad-transfer-encoding";
  found.hasTransferEncoding = true;
  found.isChunked = true;
}

function readConnection(value: string, found: FramingFields): void {
  for (const option of value.toLowerCase().split(",")) {
    switch (option.trim()) {
      case "close":
        found.wantsClose = true;
        break;
      case "keep-alive":
        found.wantsKeepAlive = true;
        break;
      case "upgrade":
        found.connectionHasUpgrade = true;
        break;
    }
  }
}

export function requestFraming(found: FramingFields): Framing {
  if (found.isChunked) return CHUNKED;
  return found.contentLength > 0 ? { kind: "length", bytes: found.contentLength } : NO_BODY;
}

/** A response's body depends on the request's method and on its own status (RFC 9112 §6.3). */
export function responseFraming(found: FramingFields, status: number, method: string): Framing {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return NO_BODY;
  if (method === "CONNECT" && status < 300) return NO_BODY;
  if (found.isChunked) return CHUNKED;
  if (found.contentLength < 0) return UNTIL_CLOSE;
  return found.contentLength === 0 ? NO_BODY : { kind: "length", bytes: found.contentLength };
}

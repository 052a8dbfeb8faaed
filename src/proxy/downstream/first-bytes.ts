/** What an app speaks, as far as its first bytes tell. */
import type { AppProtocol } from "#model";

export type Spoken = "http1" | "http2" | "tcp";

/** The start of HTTP/2's preface (RFC 9113 §3.4), which no request of HTTP/1.1 begins with. */
const PREFACE = "PRI * HTTP/2.0";
/** A request line of HTTP/1 up to the first character of its target, or the beginning of one. */
const REQUEST_LINE = /^[A-Z]{1,20} [/*h]/;
const REQUEST_LINE_START = /^[A-Z]{0,20} ?$/;

/** Undefined when more must be seen. What a declaration rules out is not looked for. */
export function spokenBy(first: Uint8Array, protocol: AppProtocol): Spoken | undefined {
  if (protocol === "tcp" || protocol === "http1") return protocol;
  const text = Buffer.from(first.subarray(0, 24)).toString("latin1");
  if (text.startsWith(PREFACE)) return "http2";
  if (PREFACE.startsWith(text)) return undefined;
  if (protocol !== "auto") return "http1";
  if (REQUEST_LINE.test(text)) return "http1";
  return REQUEST_LINE_START.test(text) ? undefined : "tcp";
}

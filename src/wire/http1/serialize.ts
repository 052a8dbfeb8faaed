/** Heads and chunks as bytes (RFC 9112). Callers give fields that a parser of ours has accepted, or made themselves. */
import type { FieldList } from "#wire/fields";

/** Reason phrases carry no meaning (RFC 9110 §15); the common ones are sent for people who read along. */
const REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  417: "Expectation Failed",
  422: "Unprocessable Content",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

export const LAST_CHUNK = "0\r\n\r\n";

export function requestLine(method: string, target: string): string {
  return `${method} ${target} HTTP/1.1\r\n`;
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n`;
}

/** Field lines without the empty line that ends a head. Fields whose name begins with `:` are left out. */
export function fieldLines(fields: FieldList): string {
  let text = "";
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    if (name.charCodeAt(0) !== 0x3a) text += `${name}: ${fields[index + 1]}\r\n`;
  }
  return text;
}

/** The line before a chunk's data; the data is followed by CR LF. */
export function chunkLine(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

/** The end of a chunked body with its trailer fields. */
export function lastChunk(trailers: FieldList): string {
  return trailers.length === 0 ? LAST_CHUNK : `0\r\n${fieldLines(trailers)}\r\n`;
}

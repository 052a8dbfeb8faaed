/** HTTP/1.1 as bytes and messages (RFC 9110, RFC 9112), strict where two parsers could disagree. Knows no socket. */
export { type Http1Fault, statusOfFault } from "./fault.ts";
export type { Framing } from "./framing.ts";
export type { Http1Limits } from "./limits.ts";
export { type RequestHead, RequestParser, type RequestSink } from "./request-parser.ts";
export { type ResponseHead, ResponseMemory, ResponseParser, type ResponseSink } from "./response-parser.ts";
export { chunkLine, fieldLines, LAST_CHUNK, lastChunk, requestLine, statusLine } from "./serialize.ts";

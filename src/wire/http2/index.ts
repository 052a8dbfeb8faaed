/** HTTP/2 without sockets (RFC 9113), with HPACK (RFC 7541) and extended CONNECT (RFC 8441). */
export { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "./limits.ts";
export type { MessageKind } from "./message.ts";
export { H2_ERROR } from "./protocol.ts";
export { Http2Session, type Http2SessionOptions, type Http2Sink } from "./session.ts";
export { StreamTable } from "./stream-table.ts";

/** What a peer with a good certificate may try in HTTP/2 so that an app sees another request in HTTP/1.1, and what we make of it. */
import type { FieldList } from "#wire/fields";
import { HIDDEN } from "./smuggling-cases.ts";

export interface Http2Case {
  readonly what: string;
  readonly fields: FieldList;
  /** Sent as DATA; undefined ends the stream with its head. */
  readonly body?: string;
  readonly trailers?: FieldList;
  /** Refused with PROTOCOL_ERROR on the stream, or what the app must see. */
  readonly verdict: "refused" | { readonly body: string };
  readonly why: string;
}

interface Pseudo {
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
}

function head({ method = "POST", path = "/case", authority = "shop" }: Pseudo, ...fields: string[]): FieldList {
  return [":method", method, ":scheme", "http", ":path", path, ":authority", authority, ...fields];
}

const WHOLE = head({});
const length = (bytes: number): string[] => ["content-length", String(bytes)];

function refused(
  why: string,
  cases: Readonly<Record<string, Omit<Http2Case, "what" | "verdict" | "why">>>,
): Http2Case[] {
  return Object.entries(cases).map(([what, sent]) => ({ what, ...sent, verdict: "refused", why }));
}

export const HTTP2_CASES: readonly Http2Case[] = [
  ...refused("RFC 9113 §8.2.1, §10.3: it would end the line, and begin another", {
    "CR LF in a value": { fields: head({}, "x", "a\r\ntransfer-encoding: chunked") },
    "LF in a value": { fields: head({}, "x", "a\ny: b") },
    "CR in a value": { fields: head({}, "x", "a\ry: b") },
    "NUL in a value": { fields: head({}, "x", "a\0b") },
    "CR LF in a name": { fields: head({}, "x\r\ny", "a") },
    "LF in a name": { fields: head({}, "x\n", "a") },
    "NUL in a name": { fields: head({}, "x\0", "a") },
    "a whole request in a value": { fields: head({}, "x", `a\r\n\r\n${HIDDEN}`) },
    "CR LF in the path": { fields: head({ path: `/case HTTP/1.1\r\nhost: shop\r\n\r\n${HIDDEN}` }) },
    "CR LF in the authority": { fields: head({ authority: "shop\r\nx: y" }) },
    "CR LF in the method": { fields: head({ method: "GET /hidden HTTP/1.1\r\nhost: shop\r\n\r\nGET" }) },
    "CR LF in the protocol": { fields: [...head({ method: "CONNECT" }), ":protocol", "x\r\n\r\n"] },
    "LF in a trailer": { fields: WHOLE, body: "a", trailers: ["x", "a\nb"] },
    "LF in a trailer's name": { fields: WHOLE, body: "a", trailers: ["x\n", "a"] },
  }),
  ...refused("it would end the part of the line that it is in", {
    "a space in the path": { fields: head({ path: "/case /hidden" }) },
    "a space in the method": { fields: head({ method: "GET /hidden" }) },
    "a space in the authority": { fields: head({ authority: "shop hidden" }) },
    "a space in a name": { fields: head({}, "x y", "a") },
    "a tab in the path": { fields: head({ path: "/case\t" }) },
    "a colon in a name": { fields: head({}, "transfer-encoding: chunked\r\nx", "a") },
    "a colon at the end of a name": { fields: head({}, "content-length:", "5") },
    "an empty name": { fields: head({}, "", "a") },
    "a value that begins with a blank": { fields: head({}, "x", " a") },
    "a value that ends with a blank": { fields: head({}, "x", "a ") },
  }),
  ...refused("RFC 9113 §8.2: a name in another case is the same field to HTTP/1.1", {
    "an upper-case name": { fields: head({}, "Content-Length", "5") },
    "an upper-case trailer": { fields: WHOLE, body: "a", trailers: ["Content-Length", "5"] },
  }),
  ...refused("RFC 9113 §8.2.2: what belongs to a connection of HTTP/1.1", {
    connection: { fields: head({}, "connection", "close") },
    "keep-alive": { fields: head({}, "keep-alive", "1") },
    "proxy-connection": { fields: head({}, "proxy-connection", "close") },
    "transfer-encoding": { fields: head({}, "transfer-encoding", "chunked"), body: `0\r\n\r\n${HIDDEN}` },
    "transfer-encoding beside a length": {
      fields: head({}, "transfer-encoding", "chunked", ...length(5)),
      body: "hello",
    },
    upgrade: { fields: head({}, "upgrade", "h2c") },
    "te other than trailers": { fields: head({}, "te", "chunked") },
    "transfer-encoding in the trailers": { fields: WHOLE, body: "a", trailers: ["transfer-encoding", "chunked"] },
  }),
  ...refused("RFC 9113 §8.1.1: the length and the DATA are two bodies", {
    "more DATA than the length": { fields: head({}, ...length(4)), body: `four${HIDDEN}` },
    "less DATA than the length": { fields: head({}, ...length(100)), body: "hello" },
    "a length and no DATA": { fields: head({}, ...length(5)) },
    "two lengths": { fields: head({}, ...length(5), ...length(5)), body: "hello" },
    "two lengths that differ": { fields: head({}, ...length(5), ...length(0)), body: "hello" },
    "a list of lengths": { fields: head({}, "content-length", "5, 5"), body: "hello" },
    "a signed length": { fields: head({}, "content-length", "+5"), body: "hello" },
    "an empty length": { fields: head({}, "content-length", ""), body: "hello" },
    "a length in the trailers": { fields: WHOLE, body: "a", trailers: ["content-length", "5"] },
    "a host in the trailers": { fields: WHOLE, body: "a", trailers: ["host", "other"] },
  }),
  ...refused("RFC 9113 §8.3: pseudo-headers come once, first, and are these", {
    "two methods": { fields: [":method", "GET", ...WHOLE] },
    "two paths": { fields: [":path", "/hidden", ...WHOLE] },
    "two authorities": { fields: [":authority", "other", ...WHOLE] },
    "a path after the fields": { fields: [":method", "GET", ":scheme", "http", "x", "a", ":path", "/case"] },
    "an unknown one": { fields: [":x", "a", ...WHOLE] },
    "a response's": { fields: [":status", "200", ...WHOLE] },
    "one in the trailers": { fields: WHOLE, body: "a", trailers: [":path", "/hidden"] },
    "no method": { fields: [":scheme", "http", ":path", "/case", ":authority", "shop"] },
    "no path": { fields: [":method", "GET", ":scheme", "http", ":authority", "shop"] },
    "no scheme": { fields: [":method", "GET", ":path", "/case", ":authority", "shop"] },
    "an empty path": { fields: head({ path: "" }) },
    "an absolute path": { fields: head({ path: "http://other/" }) },
    "a path with a fragment": { fields: head({ path: "/case#hidden" }) },
    "a protocol without CONNECT": { fields: [...WHOLE, ":protocol", "x"] },
  }),
  ...refused("RFC 9113 §8.3.1: a policy is decided about one host", {
    "a host that differs": { fields: head({}, "host", "other") },
    "two hosts": { fields: head({}, "host", "shop", "host", "shop") },
    "user information": { fields: head({ authority: "shop@other" }) },
    "a path in the authority": { fields: head({ authority: "shop/hidden" }) },
    "a list in a host": { fields: [":method", "GET", ":scheme", "http", ":path", "/case", "host", "shop, other"] },
  }),
  ...refused("RFC 9110 §9.3.6: a CONNECT has no body", {
    "CONNECT with a length": { fields: [":method", "CONNECT", ":authority", "shop:80", ...length(5)], body: "hello" },
    "CONNECT with a path": { fields: head({ method: "CONNECT" }) },
  }),
  { what: "no body", fields: WHOLE, verdict: { body: "" }, why: "the plain case" },
  {
    what: "DATA with a length",
    fields: head({}, ...length(HIDDEN.length)),
    body: HIDDEN,
    verdict: { body: HIDDEN },
    why: "they agree",
  },
  {
    what: "DATA without a length",
    fields: WHOLE,
    body: HIDDEN,
    verdict: { body: HIDDEN },
    why: "it goes on in chunks",
  },
  {
    what: "DATA and trailers",
    fields: WHOLE,
    body: HIDDEN,
    trailers: ["x-sum", "1"],
    verdict: { body: HIDDEN },
    why: "trailers that only tell something",
  },
  {
    what: "a GET with DATA",
    fields: head({ method: "GET" }),
    body: HIDDEN,
    verdict: { body: HIDDEN },
    why: "RFC 9110 §9.3.1",
  },
  {
    what: "host instead of :authority",
    fields: head({}).slice(0, 6).concat("host", "shop"),
    verdict: { body: "" },
    why: "§8.3.1",
  },
  { what: "host that agrees", fields: head({}, "host", "SHOP"), verdict: { body: "" }, why: "it is the same host" },
];

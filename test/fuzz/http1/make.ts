/** HTTP/1.1 messages: mostly as they should be, with what two parsers could read differently strewn in. */
import type { Chance } from "../chance.ts";

const METHODS = [
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "CONNECT",
  "PURGE",
  "get",
  "M-SEARCH",
  "X",
];
const TARGETS = [
  "/",
  "/a",
  "/a?b=c",
  "*",
  "http://shop/a",
  "http://shop",
  "http://shop?x",
  "HTTP://SHOP/",
  "https://shop:80/",
  "http://other/",
  "//a/b",
  "/a b",
  "/\xe4",
  "/%00",
  "/a#b",
  "shop:80",
  "a",
  "/{}|^`\\",
  "",
];
const VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.10", "HTTP/01.1", ""];
const HOSTS = ["shop", "SHOP", "shop:80", "[::1]:80", "", "other", "a@b", "a/b", "shop, shop", "sh op", "sh\tp"];
const LENGTHS = [
  "5",
  "0",
  "+5",
  "-5",
  "05",
  "5,5",
  "5, 5",
  "0x5",
  "5 5",
  "",
  "1e1",
  "18446744073709551621",
  "5;",
  "\v5",
];
const ENCODINGS = [
  "chunked",
  "Chunked",
  "chunked ",
  " chunked",
  "\tchunked",
  "chunked,",
  ",chunked",
  "chunked, chunked",
  "chunked, identity",
  "identity",
  "identity, chunked",
  "gzip, chunked",
  "xchunked",
  "chunkedx",
  "chunk\ted",
  "\vchunked",
  '"chunked"',
  "chunked;a=b",
  "",
];
const CONNECTIONS = [
  "keep-alive",
  "close",
  "Close",
  "upgrade",
  "close, upgrade",
  ",close",
  "clos",
  "keep-alive, close",
  "te",
];
const VALUES = [
  "",
  "x",
  "a b",
  " a ",
  "a\t",
  "\xe9\xff",
  '"q"',
  "a\0b",
  "a\x7fb",
  "a\vb",
  "a:b",
  "a,b;c=d",
  "\x80",
  "x".repeat(300),
];
const NAMES = [
  "x-a",
  "X-B",
  "a_b",
  "x!#$%&'*+.^`|~",
  "x a",
  "x\t",
  "",
  ":x",
  "x(y)",
  "\xe4",
  "x\0",
  "content_length",
  "te",
];
const LINE_ENDS = ["\r\n", "\n", "\r", "\r\r\n", "\n\r\n", "\r\n ", "\r\n\t", ""];
const COLONS = [": ", ":", ":\t", ":  ", " :", "\t:", ""];
const SIZES = [
  "5",
  "05",
  "0005",
  "5 ",
  "5\t",
  " 5",
  "5;",
  "5;a",
  "5;a=b",
  '5;a="b"',
  "5;a=\x01",
  "0x5",
  "+5",
  "-5",
  "5,",
  "ffffffffffffffff5",
  "5;\x80",
  '5;a="b;c',
  "5 ;a",
  "5; a = b",
];
const REASONS = ["OK", "", "Not\tFound", "\xe4", "a\0"];
const STATUSES = ["200", "204", "304", "404", "100", "101", "103", "199", "099", "600", "20", "2000", "999"];

/** How often a part is not what it should be. */
const ODD = 0.04;

export function makeRequests(chance: Chance): Buffer {
  const lead = chance.mostly(["", "\r\n", "\r\n\r\n", "\n", " "], ODD);
  const requests = Array.from({ length: 1 + chance.int(3) }, () => request(chance));
  return Buffer.from(lead + requests.join(chance.mostly(["", "\r\n", "\n"], ODD)), "latin1");
}

/** One response, with interim ones before it; the first byte tells which method it answers. */
export function makeResponse(chance: Chance): Buffer {
  const method = chance.mostly(["\0", "\x01", "\x02"], 0.3);
  const interim = chance.odds(0.2) ? chance.several(3, () => response(chance, chance.pick(["100", "103"]))) : [];
  const after = chance.mostly(["", response(chance, "200"), "x"], 0.1);
  return Buffer.from(`${method}${interim.join("")}${response(chance, chance.mostly(STATUSES, 0.4))}${after}`, "latin1");
}

function request(chance: Chance): string {
  const line = [
    chance.mostly(["GET", "POST", ...METHODS], 0.5),
    chance.mostly(chance.odds(0.5) ? TARGETS : ["/", "/a?b=c", "http://shop/x"], 0.5),
    chance.mostly(VERSIONS, 2 * ODD),
  ].join(chance.mostly([" ", "  ", "\t", ""], ODD / 2));
  const fields = chance.odds(0.98) ? [field(chance, "Host", chance.mostly(HOSTS, ODD))] : [];
  return message(chance, line, fields);
}

function response(chance: Chance, status: string): string {
  const version = chance.mostly(VERSIONS, 2 * ODD);
  const reason = chance.mostly(["OK", "", ...REASONS], 0.3);
  const gap = chance.mostly([" ", "", "  ", "\t"], ODD / 2);
  return message(chance, `${version}${gap}${status}${chance.mostly([" ", "", "  "], ODD)}${reason}`, []);
}

function message(chance: Chance, line: string, fields: string[]): string {
  fields.push(...chance.several(5, () => otherField(chance)));
  if (chance.odds(0.15)) fields.push(field(chance, "Connection", chance.mostly(["close", ...CONNECTIONS], 0.7)));
  if (chance.odds(0.04)) fields.push(field(chance, "Upgrade", chance.pick(["websocket", "h2c", ""])));
  const body = bodyOf(chance, fields);
  if (chance.odds(0.3)) fields.reverse();
  return `${line}${lineEnd(chance)}${fields.join("")}${lineEnd(chance)}${body}`;
}

/** Adds the fields that frame a body, and returns it. */
function bodyOf(chance: Chance, fields: string[]): string {
  const kind = chance.int(10);
  const isLength = kind < 3 || kind === 8;
  const isChunked = (kind >= 3 && kind < 6) || (kind === 8 && chance.odds(0.3));
  if (isLength) fields.push(field(chance, "Content-Length", chance.mostly(LENGTHS, 0.1)));
  if (isChunked) fields.push(field(chance, "Transfer-Encoding", chance.mostly(ENCODINGS, 0.1)));
  if (chance.odds(ODD / 2)) fields.push(field(chance, "Content-Length", chance.pick(LENGTHS)));
  if (chance.odds(ODD / 2)) fields.push(field(chance, "Transfer-Encoding", chance.pick(ENCODINGS)));
  if (isChunked) return chunks(chance);
  return isLength ? "hello" : chance.mostly(["", "hello"], ODD);
}

function chunks(chance: Chance): string {
  const parts = chance.several(4, () => `${chance.mostly(SIZES, 0.15)}${lineEnd(chance)}hello${lineEnd(chance)}`);
  const last = chance.mostly(["0", "00", "000", "0;a", "0 ", "-0", "0x0", ""], ODD);
  const trailers = chance.several(3, () => otherField(chance));
  return `${parts.join("")}${last}${lineEnd(chance)}${trailers.join("")}${lineEnd(chance)}`;
}

function otherField(chance: Chance): string {
  const name = chance.mostly(["x-a", "x-b", "Accept", ...(chance.odds(0.1) ? NAMES : [])], 0.6);
  return field(chance, name, chance.mostly(["1", "a b", "x\xe9", ...(chance.odds(0.2) ? VALUES : [])], 0.6));
}

function field(chance: Chance, name: string, value: string): string {
  const shown = chance.odds(0.1) ? chance.pick([name.toLowerCase(), name.toUpperCase()]) : name;
  const pad = chance.mostly(["", " ", "\t", " \t "], ODD);
  return `${shown}${chance.mostly(COLONS, ODD / 2)}${value}${pad}${lineEnd(chance)}`;
}

function lineEnd(chance: Chance): string {
  return chance.mostly(LINE_ENDS, ODD / 8);
}

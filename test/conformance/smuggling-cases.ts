/**
 * What has been used to make two parsers see different requests in the same bytes, each with what we make of it and why. Bodies hold a
 * request that nobody must ever see.
 */
import type { Http1Fault } from "#wire/http1";

export interface Http1Case {
  readonly what: string;
  readonly bytes: string;
  /** The fault, or the body that the app must see. */
  readonly verdict: { readonly fault: Http1Fault } | { readonly body: string };
  readonly why: string;
}

export const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: shop\r\n\r\n";

/** A request whose body would be HIDDEN to whoever heeds the length. */
const COUNTED = `Content-Length: ${HIDDEN.length}\r\n`;
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const HOST = "Host: shop\r\n";

const post = (fields: string, rest = ""): string => `POST /case HTTP/1.1\r\n${HOST}${fields}\r\n${rest}`;
const chunks = (rest: string): string => post(CHUNKED, rest);
/** HIDDEN in one chunk, whose size line is given. */
const chunk = (line: string): string => chunks(`${line}\r\n${HIDDEN}\r\n0\r\n\r\n`);
const SIZE = HIDDEN.length.toString(16);

function refused(fault: Http1Fault, why: string, cases: Readonly<Record<string, string>>): Http1Case[] {
  return Object.entries(cases).map(([what, bytes]) => ({ what, bytes, verdict: { fault }, why }));
}

function accepted(body: string, why: string, cases: Readonly<Record<string, string>>): Http1Case[] {
  return Object.entries(cases).map(([what, bytes]) => ({ what, bytes, verdict: { body }, why }));
}

const lengths = (values: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    values.map((value) => [`Content-Length: ${JSON.stringify(value)}`, post(`Content-Length: ${value}\r\n`, HIDDEN)]),
  );

const encodings = (values: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    values.map((value) => [
      `Transfer-Encoding:${JSON.stringify(value)}`,
      post(`Transfer-Encoding:${value}\r\n`, `0\r\n\r\n${HIDDEN}`),
    ]),
  );

export const HTTP1_CASES: readonly Http1Case[] = [
  ...refused("length-and-encoding", "RFC 9112 §6.1: an attempt at smuggling; the two lengths are two bodies", {
    "CL.TE": post(`${COUNTED}${CHUNKED}`, `0\r\n\r\n${HIDDEN}`),
    "TE.CL": post(`${CHUNKED}Content-Length: 4\r\n`, `${SIZE}\r\n${HIDDEN}\r\n0\r\n\r\n`),
    "a length of zero beside chunks": post(`Content-Length: 0\r\n${CHUNKED}`, `0\r\n\r\n${HIDDEN}`),
  }),
  ...refused("bad-transfer-encoding", "RFC 9112 §6.1: only `chunked` alone is a framing that all parsers share", {
    ...encodings([
      " chunked, chunked",
      " chunked, identity",
      " identity, chunked",
      " identity",
      " gzip, chunked",
      " xchunked",
      " chunkedx",
      " chunked,",
      " ,chunked",
      ' "chunked"',
      " chunked;q=1",
      " chu nked",
      "",
    ]),
    "two fields": post(`${CHUNKED}${CHUNKED}`, `0\r\n\r\n${HIDDEN}`),
    "two fields, the second unknown": post(`${CHUNKED}Transfer-Encoding: x\r\n`, `0\r\n\r\n${HIDDEN}`),
    "two fields, the first unknown": post(`Transfer-Encoding: x\r\n${CHUNKED}`, `0\r\n\r\n${HIDDEN}`),
    "in HTTP/1.0": `POST /case HTTP/1.0\r\n${HOST}${CHUNKED}\r\n0\r\n\r\n${HIDDEN}`,
    "in CONNECT": `CONNECT shop:80 HTTP/1.1\r\nHost: shop:80\r\n${CHUNKED}\r\n0\r\n\r\n`,
  }),
  ...refused("bad-field-value", "a control character is a blank to some parsers and a letter to others", {
    ...encodings(["\tchunked", " chunked\t", " \vchunked", " chunked\v", " \0chunked", " chunk\x7fed"]),
    ...lengths(["\t38", "38\t", "\v38", "38\0"]),
    "a NUL in a value": post("X: a\0b\r\n"),
    "a backspace in a value": post("X: a\bb\r\n"),
    "DEL in a value": post("X: a\x7fb\r\n"),
    "a tab before close": post("Connection:\tclose\r\n"),
  }),
  ...refused("bad-content-length", "RFC 9112 §6.3: not a number of bytes", {
    ...lengths([
      "+38",
      "-38",
      "0x26",
      "38.0",
      "3 8",
      "38, 38",
      "38,38",
      "38;",
      "1e1",
      "",
      "9".repeat(16),
      "18446744073709551654",
      "\xb3",
    ]),
    "twice, unequal": post(`${COUNTED}Content-Length: 0\r\n`, HIDDEN),
    "twice, equal": post(`${COUNTED}${COUNTED}`, HIDDEN),
    "in CONNECT": `CONNECT shop:80 HTTP/1.1\r\nHost: shop:80\r\n${COUNTED}\r\n${HIDDEN}`,
  }),
  ...refused("bad-field-name", "RFC 9112 §5.1: whoever trims or joins such a name sees another field", {
    "a space before the colon of a length": post(`Content-Length : 5\r\n${CHUNKED}`, `0\r\n\r\n${HIDDEN}`),
    "a tab before the colon of an encoding": post(`${COUNTED}Transfer-Encoding\t: chunked\r\n`, HIDDEN),
    "a space in a name": post("Content Length: 5\r\n", HIDDEN),
    "no colon": post("Transfer-Encoding chunked\r\n"),
    "an empty name": post(": 5\r\n"),
    "a letter beyond ASCII": post("Tran\xffer-Encoding: chunked\r\n"),
    "a name in parentheses": post("(X): 5\r\n"),
    "a pseudo-header": post(":method: GET\r\n"),
  }),
  ...refused("bad-field-value", "a NUL ends a name to parsers written in C", {
    "a NUL in a name": post("Content-Length\0: 5\r\n"),
  }),
  ...refused(
    "bare-line-feed",
    "RFC 9112 §2.2: a line ends with CR LF; where it ends otherwise is a matter of opinion",
    {
      "LF between fields": post("X: a\nContent-Length: 5\r\n"),
      "LF after the request line": `POST /case HTTP/1.1\n${HOST}${COUNTED}\r\n${HIDDEN}`,
      "LF LF for the end of the head": `GET /case HTTP/1.1\r\n${HOST.slice(0, -2)}\n\n`,
      "CR between fields": post("X: a\rContent-Length: 5\r\n"),
      "CR CR LF": post("X: a\r\r\nY: b\r\n"),
      "CR at the end of a value": post("X: a\r \r\n"),
      "LF before the first request": `\nGET /case HTTP/1.1\r\n${HOST}\r\n`,
      "LF in the trailers": chunks(`0\r\nX: a\n\r\n`),
    },
  ),
  ...refused("folded-field", "RFC 9112 §5.2: refused by a server, since some read the rest as a field of its own", {
    "a folded encoding": post(`X: a\r\n Transfer-Encoding: chunked\r\n`, HIDDEN),
    "a value on the next line": post("Transfer-Encoding:\r\n chunked\r\n", `0\r\n\r\n${HIDDEN}`),
    "a fold with a tab": post("X: a\r\n\tb\r\n"),
    "a fold before the first field": `GET /case HTTP/1.1\r\n ${HOST}\r\n`,
  }),
  ...refused("bad-chunk", "RFC 9112 §7.1: a size is hexadecimal digits; all else is another size to somebody", {
    "0x before a size": chunk(`0x${SIZE}`),
    "a plus before a size": chunk(`+${SIZE}`),
    "a minus before a size": chunk(`-${SIZE}`),
    "a blank before a size": chunk(` ${SIZE}`),
    "a blank after a size": chunk(`${SIZE} `),
    "a tab after a size": chunk(`${SIZE}\t`),
    "an underscore in a size": chunk(`${SIZE[0]}_${SIZE[1]}`),
    "no size": chunk(""),
    "a size that overflows 64 bits to the true one": chunk(`1${SIZE.padStart(16, "0")}`),
    "a size beyond what numbers hold": chunk("fffffffffffff"),
    "a size ended by LF": chunks(`${SIZE}\n${HIDDEN}\r\n0\r\n\r\n`),
    "a size ended by CR": chunks(`${SIZE}\r${HIDDEN}\r\n0\r\n\r\n`),
    "data longer than its size": chunks(`5\r\n${HIDDEN}\r\n0\r\n\r\n`),
    "data ended by LF": chunks(`${SIZE}\r\n${HIDDEN}\n0\r\n\r\n`),
    "data ended by nothing": chunks(`${SIZE}\r\n${HIDDEN}0\r\n\r\n`),
    "data ended by two other bytes": chunks(`${SIZE}\r\n${HIDDEN}XX0\r\n\r\n`),
    "a last chunk that is negative": chunks(`-0\r\n\r\n${HIDDEN}`),
  }),
  ...refused("bad-chunk", "RFC 9112 §7.1.1: extensions are bounded, and have a grammar", {
    "an extension without a name": chunk(`${SIZE};`),
    "an extension with LF": chunk(`${SIZE};a\nb`),
    "an extension with CR": chunk(`${SIZE};a\rb`),
    "an extension with a NUL": chunk(`${SIZE};a\0`),
    "an extension without its value": chunk(`${SIZE};a=`),
    "an extension with half a string": chunk(`${SIZE};a="b`),
    "an extension with a blank": chunk(`${SIZE}; a`),
    "an extension that goes on": chunk(`${SIZE};${"a".repeat(300)}`),
  }),
  ...refused("forbidden-trailer", "RFC 9110 §6.5.1: what frames or routes a message comes before its body", {
    "a length in the trailers": chunks(`0\r\nContent-Length: 5\r\n\r\n`),
    "an encoding in the trailers": chunks(`0\r\nTransfer-Encoding: chunked\r\n\r\n`),
    "a host in the trailers": chunks(`0\r\nHost: other\r\n\r\n`),
  }),
  ...refused("host-repeated", "RFC 9112 §3.2: which of the two is asked is a matter of opinion", {
    "two hosts": `GET /case HTTP/1.1\r\n${HOST}Host: other\r\n\r\n`,
    "two hosts that agree": `GET /case HTTP/1.1\r\n${HOST}${HOST}\r\n`,
  }),
  ...refused("host-missing", "RFC 9112 §3.2: it must be there", { "no host": "GET /case HTTP/1.1\r\n\r\n" }),
  ...refused("host-mismatch", "a policy is decided about one host: it must be the app's too", {
    "an absolute target for another host": `GET http://other/case HTTP/1.1\r\n${HOST}\r\n`,
    "an absolute target with user information": `GET http://shop@other/case HTTP/1.1\r\n${HOST}\r\n`,
    "another port": `GET http://shop:81/case HTTP/1.1\r\n${HOST}\r\n`,
    "a list of hosts": "GET /case HTTP/1.1\r\nHost: shop, other\r\n\r\n",
    "a host with a path": "GET /case HTTP/1.1\r\nHost: shop/x\r\n\r\n",
    "a host with user information": "GET /case HTTP/1.1\r\nHost: shop@other\r\n\r\n",
    "a target that is neither": `GET shop HTTP/1.1\r\n${HOST}\r\n`,
    "another scheme": `GET ftp://shop/case HTTP/1.1\r\n${HOST}\r\n`,
  }),
  ...refused("bad-target", "RFC 9112 §3: one space on each side, and none within", {
    "two spaces before the target": `GET  /case HTTP/1.1\r\n${HOST}\r\n`,
    "two spaces after the target": `GET /case  HTTP/1.1\r\n${HOST}\r\n`,
    "a request within the target": `GET /case HTTP/1.1 /hidden HTTP/1.1\r\n${HOST}\r\n`,
    "a tab in the target": `GET /case\t/hidden HTTP/1.1\r\n${HOST}\r\n`,
    "a byte beyond ASCII": `GET /case\xa0 HTTP/1.1\r\n${HOST}\r\n`,
    "a fragment": `GET /case#hidden HTTP/1.1\r\n${HOST}\r\n`,
  }),
  ...refused("bad-field-value", "no control character has a place in a request line", {
    "a NUL in the target": `GET /case\0 HTTP/1.1\r\n${HOST}\r\n`,
  }),
  ...refused("bad-start-line", "RFC 9112 §3", {
    "HTTP/0.9": "GET /case\r\n\r\n",
    "a tab instead of a space": `GET\t/case\tHTTP/1.1\r\n${HOST}\r\n`,
    "a space before the method": ` GET /case HTTP/1.1\r\n${HOST}\r\n`,
    "a space after the version": `GET /case HTTP/1.1 \r\n${HOST}\r\n`,
    "a version of another case": `GET /case http/1.1\r\n${HOST}\r\n`,
    "a version with more digits": `GET /case HTTP/1.10\r\n${HOST}\r\n`,
    "a method with a colon": `GE:T /case HTTP/1.1\r\n${HOST}\r\n`,
  }),
  ...refused("bad-version", "another version may be framed otherwise", {
    "HTTP/1.2": `GET /case HTTP/1.2\r\n${HOST}\r\n`,
    "HTTP/2.0 in text": `GET /case HTTP/2.0\r\n${HOST}\r\n`,
  }),
  ...accepted(HIDDEN, "there is one way to read it, and HIDDEN is the body", {
    "a length": post(COUNTED, HIDDEN),
    "a length with zeros before it": post(`Content-Length: 00${HIDDEN.length}\r\n`, HIDDEN),
    "a length with blanks around it": post(`Content-Length:   ${HIDDEN.length}  \r\n`, HIDDEN),
    chunks: chunk(SIZE),
    "an encoding in another case": post("transfer-encoding: ChUnKeD\r\n", `${SIZE}\r\n${HIDDEN}\r\n0\r\n\r\n`),
    "a size in another case, with zeros": chunk(`000${SIZE.toUpperCase()}`),
    "an extension": chunk(`${SIZE};a=b;c="d;e"`),
    trailers: chunks(`${SIZE}\r\n${HIDDEN}\r\n0\r\nX-Sum: 1\r\n\r\n`),
    "an absolute target": `POST http://shop/case HTTP/1.1\r\n${HOST}${COUNTED}\r\n${HIDDEN}`,
    "an absolute target in another case": `POST HTTP://SHOP/case HTTP/1.1\r\n${HOST}${COUNTED}\r\n${HIDDEN}`,
    "an underscore in a name": post(`Content_Length: 5\r\n${COUNTED}`, HIDDEN),
    "a name that only begins like one": post(`Content-Lengths: 5\r\n${COUNTED}`, HIDDEN),
    "fields that the connection names": post(`Connection: x-a, close\r\nX-A: 1\r\n${COUNTED}`, HIDDEN),
    "a length that the connection names": post(`Connection: content-length, close\r\n${COUNTED}`, HIDDEN),
    "an upgrade before a body": post(`Connection: upgrade\r\nUpgrade: h2c\r\n${COUNTED}`, HIDDEN),
    "an empty line before the request": `\r\n${post(COUNTED, HIDDEN)}`,
    "HTTP/1.0": `POST /case HTTP/1.0\r\n${HOST}${COUNTED}\r\n${HIDDEN}`,
  }),
];

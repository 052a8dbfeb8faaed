import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type RequestHead, RequestParser } from "./index.ts";

interface Reading {
  readonly heads: RequestHead[];
  readonly bodies: string[];
  readonly trailers: string[][];
  readonly fault: string | undefined;
  readonly isIdle: boolean;
}

/** Reads all chunks, going on to the next message after each. */
function read(...chunks: string[]): Reading {
  const heads: RequestHead[] = [];
  const bodies: string[] = [];
  const trailers: string[][] = [];
  const parser = new RequestParser({
    onHead: (head) => {
      heads.push(head);
      bodies.push("");
    },
    onBody: (data) => {
      bodies[bodies.length - 1] += Buffer.from(data).toString("latin1");
    },
    onTrailers: (fields) => trailers.push(fields),
    onEnd: () => undefined,
  });
  for (const chunk of chunks) {
    let rest = Buffer.from(chunk, "latin1");
    while (rest.length > 0 && parser.fault === undefined) {
      rest = rest.subarray(parser.read(rest));
      parser.next();
    }
  }
  return { heads, bodies, trailers, fault: parser.fault, isIdle: parser.isIdle };
}

const HOST = "Host: shop\r\n";

test("a request with a body of a stated length", () => {
  const { heads, bodies } = read(`POST /orders?x=1 HTTP/1.1\r\n${HOST}Content-Length: 5\r\nX-A:  b c \r\n\r\nhello`);
  expect(heads[0]).toMatchObject({ method: "POST", target: "/orders?x=1", authority: "shop", keepAlive: true });
  expect(heads[0]?.fields).toEqual(["host", "shop", "content-length", "5", "x-a", "b c"]);
  expect(bodies).toEqual(["hello"]);
});

test("a chunked body with extensions and trailers", () => {
  const { bodies, trailers } = read(
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n`,
  );
  expect(bodies).toEqual(["hello world"]);
  expect(trailers).toEqual([["x-sum", "11"]]);
});

test("pipelined requests are read one after the other", () => {
  const { heads, bodies } = read(
    `POST /1 HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\n${HOST}\r\n`,
  );
  expect(heads.map((head) => head.target)).toEqual(["/1", "/2"]);
  expect(bodies).toEqual(["ab", ""]);
});

test.each([
  ["OPTIONS http://shop", "*"],
  ["OPTIONS http://shop/", "/"],
  ["OPTIONS http://shop?a", "/?a"],
  ["OPTIONS *", "*"],
  ["GET http://shop", "/"],
])("%s asks for %s", (line, target) => {
  const { heads } = read(`${line} HTTP/1.1\r\n${HOST}\r\n`);
  expect(heads.map((head) => [head.target, head.authority])).toEqual([[target, "shop"]]);
});

test("an absolute target becomes origin form and authority", () => {
  const { heads } = read(`GET http://shop/a?b HTTP/1.1\r\n${HOST}\r\n`);
  expect(heads[0]).toMatchObject({ target: "/a?b", authority: "shop" });
});

describe("what the connection is asked for", () => {
  const cases: readonly [string, string, Partial<RequestHead>][] = [
    ["1.1 stays open", `GET / HTTP/1.1\r\n${HOST}\r\n`, { keepAlive: true }],
    ["close closes", `GET / HTTP/1.1\r\n${HOST}Connection: Close\r\n\r\n`, { keepAlive: false }],
    ["1.0 closes", "GET / HTTP/1.0\r\n\r\n", { keepAlive: false, authority: "" }],
    ["1.0 stays open when asked", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", { keepAlive: true }],
    [
      "an upgrade",
      `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      { upgrade: "websocket" },
    ],
    [
      "an upgrade that the connection does not name",
      `GET / HTTP/1.1\r\n${HOST}Upgrade: websocket\r\n\r\n`,
      { upgrade: "" },
    ],
    [
      "an upgrade before which a body comes",
      `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\na`,
      { upgrade: "" },
    ],
    [
      "an upgrade of another method than GET",
      `DELETE / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      { method: "DELETE", upgrade: "" },
    ],
    ...["h2c", "H2C", "h2", "h2c-14", "HTTP/2.0", "TLS/1.2", "websocket, h2c"].map(
      (name): [string, string, Partial<RequestHead>] => [
        `an upgrade to ${name}, in which requests would pass unseen`,
        `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${name}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
        { upgrade: "" },
      ],
    ),
    ["an expectation", `GET / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\n\r\n`, { expectsContinue: true }],
  ];
  test.each(cases)("%s", (_name, text, want) => {
    const { heads, fault } = read(text);
    expect(fault).toBeUndefined();
    expect(heads[0]).toMatchObject(want);
  });
});

describe("what two parsers could read differently is refused", () => {
  const get = (fields: string): string => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`;
  const cases: readonly [string, string, string][] = [
    ["length and encoding", get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "length-and-encoding"],
    ["encoding and length", get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), "length-and-encoding"],
    ["two lengths that differ", get("Content-Length: 3\r\nContent-Length: 4\r\n"), "bad-content-length"],
    ["two lengths that agree", get("Content-Length: 3\r\nContent-Length: 3\r\n"), "bad-content-length"],
    ["a list of lengths", get("Content-Length: 3, 3\r\n"), "bad-content-length"],
    ["a signed length", get("Content-Length: +3\r\n"), "bad-content-length"],
    ["a hexadecimal length", get("Content-Length: 0x3\r\n"), "bad-content-length"],
    ["an empty length", get("Content-Length:\r\n"), "bad-content-length"],
    ["a length beyond numbers", get("Content-Length: 99999999999999999\r\n"), "bad-content-length"],
    ["an encoding that is not chunked", get("Transfer-Encoding: gzip\r\n"), "bad-transfer-encoding"],
    ["a list of encodings", get("Transfer-Encoding: gzip, chunked\r\n"), "bad-transfer-encoding"],
    ["an encoding in disguise", get("Transfer-Encoding: xchunked\r\n"), "bad-transfer-encoding"],
    ["encodings twice", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "bad-transfer-encoding"],
    ["an encoding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "bad-transfer-encoding"],
    ["CONNECT with a length", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\n\r\n", "bad-content-length"],
    [
      "CONNECT with an encoding",
      "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "bad-transfer-encoding",
    ],
    ["a folded field", get("X: a\r\n b\r\n"), "folded-field"],
    ["whitespace before the colon", get("X : a\r\n"), "bad-field-name"],
    ["an empty name", get(": a\r\n"), "bad-field-name"],
    ["a field without a colon", get("X\r\n"), "bad-field-name"],
    ["a NUL in a value", get("X: a\0b\r\n"), "bad-field-value"],
    ["a bare LF between fields", get("X: a\nY: b\r\n"), "bare-line-feed"],
    ["a bare CR in a value", get("X: a\rY\r\n"), "bare-line-feed"],
    ["a head of bare LFs", "GET / HTTP/1.1\nHost: a\n\n", "bare-line-feed"],
    ["no host", "GET / HTTP/1.1\r\n\r\n", "host-missing"],
    ["two hosts", get("Host: other\r\n"), "host-repeated"],
    ["a target for another host", `GET http://other/ HTTP/1.1\r\n${HOST}\r\n`, "host-mismatch"],
    ["a host with user information", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "host-mismatch"],
    ["a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "host-mismatch"],
    ["a tab in the request line", `GET\t/ HTTP/1.1\r\n${HOST}\r\n`, "bad-start-line"],
    ["two spaces in the request line", `GET  / HTTP/1.1\r\n${HOST}\r\n`, "bad-target"],
    ["a space before the version", `GET / x HTTP/1.1\r\n${HOST}\r\n`, "bad-target"],
    ["a target that is not ASCII", `GET /\xe9 HTTP/1.1\r\n${HOST}\r\n`, "bad-target"],
    ["a fragment", `GET /#a HTTP/1.1\r\n${HOST}\r\n`, "bad-target"],
    ["a target without a slash", `GET a HTTP/1.1\r\n${HOST}\r\n`, "host-mismatch"],
    ["HTTP/2.0", `GET / HTTP/2.0\r\n${HOST}\r\n`, "bad-version"],
    ["HTTP/0.9", "GET /\r\n\r\n", "bad-start-line"],
    ["lower-case http", `GET / http/1.1\r\n${HOST}\r\n`, "bad-start-line"],
    ["a chunk size that is not hexadecimal", `${get("Transfer-Encoding: chunked\r\n")}g\r\n`, "bad-chunk"],
    ["a signed chunk size", `${get("Transfer-Encoding: chunked\r\n")}+5\r\nhello\r\n`, "bad-chunk"],
    ["a chunk size with a prefix", `${get("Transfer-Encoding: chunked\r\n")}0x5\r\nhello\r\n`, "bad-chunk"],
    ["a blank after a chunk size", `${get("Transfer-Encoding: chunked\r\n")}5 \r\nhello\r\n`, "bad-chunk"],
    ["a blank in a chunk extension", `${get("Transfer-Encoding: chunked\r\n")}5;\ta\r\nhello\r\n`, "bad-chunk"],
    ["a chunk line ended by a bare LF", `${get("Transfer-Encoding: chunked\r\n")}5\nhello\r\n`, "bad-chunk"],
    ["a chunk longer than its size", `${get("Transfer-Encoding: chunked\r\n")}5\r\nhello!\r\n`, "bad-chunk"],
    ["an endless chunk extension", `${get("Transfer-Encoding: chunked\r\n")}5;${"a".repeat(300)}`, "bad-chunk"],
    ["a tab before a length", get("Content-Length:\t3\r\n"), "bad-field-value"],
    ["a tab after a length", get("Content-Length: 3\t\r\n"), "bad-field-value"],
    ["a tab before an encoding", get("Transfer-Encoding:\tchunked\r\n"), "bad-field-value"],
    ["a tab after an encoding", get("Transfer-Encoding: chunked \t\r\n"), "bad-field-value"],
    ["a tab after close", get("Connection: close\t\r\n"), "bad-field-value"],
    [
      "a length in the trailers",
      `${get("Transfer-Encoding: chunked\r\n")}0\r\nContent-Length: 3\r\n\r\n`,
      "forbidden-trailer",
    ],
    ["a host in the trailers", `${get("Transfer-Encoding: chunked\r\n")}0\r\nHost: a\r\n\r\n`, "forbidden-trailer"],
    ["a trailer ended by a bare LF", `${get("Transfer-Encoding: chunked\r\n")}0\r\nX: y\n\r\n`, "bare-line-feed"],
    ["too large a head", get(`X: ${"a".repeat(70_000)}\r\n`), "head-too-large"],
    ["too many fields", get("X: a\r\n".repeat(200)), "head-too-large"],
  ];
  test.each(cases)("%s", (_name, text, fault) => {
    expect(read(text).fault).toBe(fault);
  });
});

test("any way to split the bytes gives the same reading", () => {
  const text =
    `POST /1 HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x\r\n0123456789abcdef\r\n0\r\nT: u\r\n\r\n` +
    `GET /2 HTTP/1.1\r\n${HOST}\r\nPUT /3 HTTP/1.1\r\n${HOST}Content-Length: 4\r\n\r\nwxyz`;
  const whole = read(text);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (sizes) => {
      const chunks: string[] = [];
      let at = 0;
      for (const size of sizes) {
        chunks.push(text.slice(at, at + size));
        at += size;
      }
      expect(read(...chunks.filter((chunk) => chunk !== ""), text.slice(at))).toEqual(whole);
    }),
  );
});

test("arbitrary bytes never throw and are never held beyond the bound", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 64 }), { maxLength: 20 }), (chunks) => {
      read(...chunks.map((chunk) => Buffer.from(chunk).toString("latin1")));
    }),
  );
});

describe("a head that repeats the one before it", () => {
  const request = `GET /a HTTP/1.1\r\n${HOST}\r\n`;
  const targetsOf = (...chunks: string[]) => read(...chunks).heads.map((head) => head.target);

  test("is read as the same, whole or in parts", () => {
    expect(targetsOf(request, request, request.slice(0, 9), request.slice(9), request)).toEqual([
      "/a",
      "/a",
      "/a",
      "/a",
    ]);
  });

  test("is told from one of the same length", () => {
    expect(targetsOf(request, request.replace("/a", "/b"), request)).toEqual(["/a", "/b", "/a"]);
  });

  test("ends where it did, whatever follows", () => {
    expect(targetsOf(request, `${request}${request.replace("/a", "/b")}`)).toEqual(["/a", "/a", "/b"]);
  });

  test("may have an empty line before it", () => {
    expect(targetsOf(request, `\r\n${request}`, request)).toEqual(["/a", "/a", "/a"]);
  });
});

test("a head that comes byte by byte costs little more than its bytes", () => {
  const fields = Array.from({ length: 100 }, (_, index) => `x-${index}: ${"a".repeat(600)}\r\n`).join("");
  const bytes = Buffer.from(`GET / HTTP/1.1\r\n${HOST}${fields}\r\n`);
  const targets: string[] = [];
  const parser = new RequestParser({
    onHead: (head) => targets.push(head.target),
    onBody: () => undefined,
    onTrailers: () => undefined,
    onEnd: () => undefined,
  });
  const startedMs = performance.now();
  for (let at = 0; at < bytes.length; at++) parser.read(bytes.subarray(at, at + 1));
  expect(targets).toEqual(["/"]);
  // A fifteenth of what copying all for each takes.
  expect(performance.now() - startedMs).toBeLessThan(150);
});

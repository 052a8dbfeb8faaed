import { describe, expect, test } from "bun:test";
import { type ResponseHead, ResponseParser } from "./index.ts";

function read(method: string, text: string, isClosed = false) {
  const heads: ResponseHead[] = [];
  let body = "";
  let ended = false;
  const parser = new ResponseParser({
    onHead: (head) => heads.push(head),
    onBody: (data) => {
      body += Buffer.from(data).toString("latin1");
    },
    onTrailers: () => undefined,
    onEnd: () => {
      ended = true;
    },
  });
  parser.expect(method);
  const bytes = Buffer.from(text, "latin1");
  const taken = parser.read(bytes);
  if (isClosed) parser.end();
  return {
    statuses: heads.map((head) => head.status),
    keepAlive: heads.at(-1)?.keepAlive,
    body,
    ended,
    fault: parser.fault,
    left: bytes.length - taken,
  };
}

describe("a body ends where RFC 9112 §6.3 says", () => {
  const cases: readonly [string, string, string, boolean, object][] = [
    [
      "by its length",
      "GET",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
      false,
      { body: "hi", ended: true, keepAlive: true },
    ],
    [
      "by chunks",
      "GET",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
      false,
      { body: "hi", ended: true },
    ],
    ["by the connection", "GET", "HTTP/1.1 200 OK\r\n\r\nhi", true, { body: "hi", ended: true, keepAlive: false }],
    ["not at all after HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", false, { body: "", ended: true }],
    [
      "not at all with 204",
      "GET",
      "HTTP/1.1 204 No Content\r\n\r\n",
      false,
      { body: "", ended: true, keepAlive: true },
    ],
    [
      "not at all with 304",
      "GET",
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
      false,
      { body: "", ended: true },
    ],
    [
      "after interim responses",
      "GET",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      false,
      { statuses: [100, 103, 200], ended: true },
    ],
    [
      "at 101, which leaves the rest to the new protocol",
      "GET",
      "HTTP/1.1 101 Switching Protocols\r\n\r\nraw",
      false,
      { statuses: [101], ended: true, left: 3 },
    ],
    [
      "and the connection with it, when an interim response says so",
      "GET",
      "HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      false,
      { statuses: [103, 200], ended: true, keepAlive: false },
    ],
    [
      "without a reason phrase",
      "GET",
      "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
      false,
      { statuses: [200], ended: true },
    ],
  ];
  test.each(cases)("%s", (_name, method, text, isClosed, want) => {
    expect(read(method, text, isClosed)).toMatchObject({ ...want, fault: undefined });
  });
});

describe("a response that cannot be trusted is refused", () => {
  const cases: readonly [string, string, boolean, string][] = [
    [
      "length and encoding",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      false,
      "length-and-encoding",
    ],
    [
      "an interim one with chunks",
      "HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
      false,
      "bad-transfer-encoding",
    ],
    ["an interim one with a length", "HTTP/1.1 103 X\r\nContent-Length: 1\r\n\r\n", false, "bad-content-length"],
    ["cut off in its body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", true, "unexpected-end"],
    ["cut off in its head", "HTTP/1.1 200 OK\r\nConte", true, "unexpected-end"],
    ["no response at all", "", true, "unexpected-end"],
    ["not HTTP", "hello there, this is no response\r\n\r\n", false, "bad-start-line"],
    ["a status out of range", "HTTP/1.1 099 X\r\n\r\n", false, "bad-start-line"],
  ];
  test.each(cases)("%s", (_name, text, isClosed, fault) => {
    expect(read("GET", text, isClosed).fault).toBe(fault as never);
  });
});

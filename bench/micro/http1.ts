/** HTTP/1.1 heads as an app's client and an app send them. */
import { RequestParser, ResponseParser } from "#wire/http1";
import type { Piece } from "./timing.ts";

const REQUEST = Buffer.from(
  `GET /api/orders/1842?expand=items HTTP/1.1\r
Host: orders.shop.svc:8080\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r
Accept: application/json\r
Accept-Encoding: gzip, deflate, br\r
Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl\r
X-Request-Id: 7a2e1f6c-54b0-4d55-9d37-1f0f0f6f3d11\r
Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r
\r
`,
  "latin1",
);

const RESPONSE = Buffer.from(
  `HTTP/1.1 200 OK\r
Content-Type: application/json; charset=utf-8\r
Content-Length: 1024\r
Cache-Control: no-store\r
ETag: "5d8c72a5edda8d6a"\r
Date: Mon, 23 Nov 2026 12:00:00 GMT\r
Connection: keep-alive\r
\r
${"x".repeat(1024)}`,
  "latin1",
);

function requestParse(): Piece {
  let fields = 0;
  const parser = new RequestParser({
    onHead: (head) => {
      fields = head.fields.length;
    },
    onBody: () => undefined,
    onTrailers: () => undefined,
    onEnd: () => undefined,
  });
  return {
    name: `http1 request, ${REQUEST.length} bytes`,
    run() {
      const taken = parser.read(REQUEST);
      parser.next();
      return taken + fields;
    },
  };
}

function responseParse(): Piece {
  let fields = 0;
  const parser = new ResponseParser({
    onHead: (head) => {
      fields = head.fields.length;
    },
    onBody: () => undefined,
    onTrailers: () => undefined,
    onEnd: () => undefined,
  });
  return {
    name: "http1 response, 8 lines and 1 KiB",
    run() {
      parser.expect("GET");
      return parser.read(RESPONSE) + fields;
    },
  };
}

export const http1Pieces = (): readonly Piece[] => [requestParse(), responseParse()];

// An app that takes WebSockets over HTTP/2 (RFC 8441) and nothing else; echoes as websocket-server.mjs does. Prints its port.
// It counts what a key of HTTP/1.1 has no business in, and answers /refused in HTTP.
import { createServer } from "node:http2";
import WebSocket from "ws";

const takes = process.argv[2] !== "no-connect";
const server = createServer({ settings: { enableConnectProtocol: takes } });
server.on("stream", (stream, headers) => {
  stream.on("error", () => undefined);
  const isHandshake = headers[":method"] === "CONNECT" && headers[":protocol"] === "websocket";
  if (!isHandshake || headers[":path"] === "/refused" || headers["sec-websocket-key"] !== undefined) {
    stream.respond({ ":status": isHandshake ? 403 : 400 });
    return void stream.end(headers["sec-websocket-key"] === undefined ? "no" : "a key of HTTP/1.1 in HTTP/2");
  }
  const protocol = headers["sec-websocket-protocol"]?.split(",")[0].trim();
  // Any answer of 2xx accepts (RFC 9110 §9.3.6).
  stream.respond({
    ":status": headers[":path"] === "/201" ? 201 : 200,
    ...(protocol && { "sec-websocket-protocol": protocol }),
  });
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 10_000 });
  socket._isServer = true;
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 64 * 1024 * 1024 });
  socket.on("error", () => undefined);
  socket.on("message", (data, isBinary) => {
    const [word, code, reason] = isBinary ? [] : data.toString().split(" ");
    if (word === "close") socket.close(Number(code), reason);
    else if (word === "path") socket.send(headers[":path"]);
    else socket.send(data, { binary: isBinary });
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();

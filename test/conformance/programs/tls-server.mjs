// A server in TLS: `tls-server.mjs CERTIFICATE KEY h2|http1|both`. Says what it was asked in, and by which names.
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { createServer } from "node:https";

const [certificate, key, spoken] = process.argv.slice(2);
const answer = (request, response) => {
  const { scheme, socket, httpVersion, headers } = request;
  const alpn = socket.alpnProtocol ?? request.stream?.session?.socket?.alpnProtocol;
  request.resume();
  request.on("end", () => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ httpVersion, scheme, alpn, proto: headers["x-forwarded-proto"] }));
  });
};
const options = { cert: readFileSync(certificate), key: readFileSync(key) };
const server =
  spoken === "http1"
    ? createServer({ ...options, ALPNProtocols: [] }, answer)
    : createSecureServer({ ...options, allowHTTP1: spoken === "both" }, answer);
process.stdin.resume().on("end", () => process.exit());
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

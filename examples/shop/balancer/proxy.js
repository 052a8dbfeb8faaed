// A plain reverse proxy for machines without HAProxy: everything goes to STOREFRONT_URL, kept connections both ways.
import http from "node:http";
import { fault } from "../services/fault.js";

const upstream = new URL(process.env.STOREFRONT_URL);
const agent = new http.Agent({ keepAlive: true, maxSockets: 128, maxFreeSockets: 32 });
const TIMEOUT_MS = 60_000;
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

function forwarded(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}

function refuse(response, status, message) {
  if (response.headersSent) return response.destroy();
  response.writeHead(status, { "content-type": "text/plain" });
  response.end(`${message}\n`);
}

async function forward(request, response) {
  if (request.url === "/healthz") return response.end("ok\n");
  try {
    await fault();
  } catch (error) {
    return refuse(response, error.status, error.message);
  }
  const onward = http.request({
    host: upstream.hostname,
    port: upstream.port,
    method: request.method,
    path: request.url,
    headers: forwarded(request.headers),
    agent,
    timeout: TIMEOUT_MS,
  });
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode, forwarded(answer.headers));
    answer.pipe(response);
  });
  onward.on("timeout", () => onward.destroy(new Error("no answer in time")));
  onward.on("error", (error) => refuse(response, 502, `the storefront cannot be reached: ${error.message}`));
  request.pipe(onward);
}

const server = http.createServer((request, response) => void forward(request, response));
server.keepAliveTimeout = TIMEOUT_MS;
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? "127.0.0.1");
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), 2000).unref();
  });
}

// What the shop's services share: an HTTP server with routes, calls to other services, and the switch for faults.
// Nothing here knows of the mesh; the only thing it does for tracing is to hand on the headers that came in.
import http from "node:http";
import { fault } from "./fault.js";

/** Headers that tie a call to the request it was made for (W3C Trace Context, and a request id for logs). */
const CONTEXT_HEADERS = ["traceparent", "tracestate", "x-request-id"];
const BODY_BYTES_MAX = 64 * 1024;
const CALL_TIMEOUT_MS = 5000;

const agent = new http.Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16 });

/** A failure that the caller is told of by this status. */
export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function sendOnce(url, { method, body, context }, attempt) {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = { ...context, accept: "application/json" };
  if (payload !== undefined) {
    headers["content-type"] = "application/json";
    headers["content-length"] = Buffer.byteLength(payload);
  }
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent, timeout: CALL_TIMEOUT_MS });
    request.on("response", (response) => {
      readBody(response).then(
        (text) => resolve({ status: response.statusCode, headers: response.headers, text }),
        reject,
      );
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)));
    request.on("error", (error) => {
      // A kept connection may be closed just as it is used again; nothing was sent then.
      if (request.reusedSocket && error.code === "ECONNRESET" && attempt < 2) {
        resolve(sendOnce(url, { method, body, context }, attempt + 1));
      } else reject(error);
    });
    request.end(payload);
  });
}

/** Calls another service. Resolves with the parsed body, or rejects with an HttpError. */
export async function call(name, path, { method = "GET", body, context = {} } = {}) {
  const base = process.env[`${name.toUpperCase()}_URL`];
  if (!base) throw new HttpError(500, `${name.toUpperCase()}_URL is not set`);
  const answer = await sendOnce(base + path, { method, body, context }, 0).catch((error) => {
    throw new HttpError(502, `${name} cannot be reached: ${error.message}`);
  });
  if (answer.status >= 500) throw new HttpError(502, `${name} answered ${answer.status}`);
  if (answer.status >= 400) throw new HttpError(answer.status, `${name} answered ${answer.status}`);
  return JSON.parse(answer.text);
}

async function readBody(stream) {
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) throw new HttpError(413, "the body is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function contextOf(headers) {
  return Object.fromEntries(CONTEXT_HEADERS.filter((name) => name in headers).map((name) => [name, headers[name]]));
}

function find(routes, method, path) {
  for (const [routeMethod, pattern, run] of routes) {
    const match = routeMethod === method ? pattern.exec(path) : null;
    if (match) return { run, parameters: match.groups ?? {} };
  }
  return undefined;
}

async function respond(name, routes, request) {
  const url = new URL(request.url, "http://service");
  if (url.pathname === "/healthz") return { status: 200, body: { status: "ok" } };
  const found = find(routes, request.method, url.pathname);
  if (!found) return { status: 404, body: { error: `${name} has no ${request.method} ${url.pathname}` } };
  await fault();
  const text = await readBody(request);
  const body = await found.run({
    ...found.parameters,
    query: url.searchParams,
    body: text === "" ? undefined : JSON.parse(text),
    context: contextOf(request.headers),
  });
  return { status: 200, body };
}

/** Serves the routes `[method, pattern, run]` on HOST and PORT until SIGTERM; what is in flight then is finished. */
export function serve(name, routes) {
  const server = http.createServer((request, response) => {
    const send = ({ status, body }) => {
      const text = JSON.stringify(body);
      response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
      response.end(text);
    };
    const failed = (error) =>
      send({
        status: error.status ?? (error instanceof SyntaxError ? 400 : 500),
        body: { error: error.message },
      });
    respond(name, routes, request).then(send, failed);
  });
  server.keepAliveTimeout = 120_000;
  server.on("error", (error) => {
    console.error(`${name}: ${error.message}`);
    process.exit(1);
  });
  server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? "127.0.0.1", () => {
    console.log(`${name} listens on ${process.env.HOST ?? "127.0.0.1"}:${server.address().port}`);
  });
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, () => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
      setTimeout(() => process.exit(0), 2000).unref();
    });
  }
  return server;
}

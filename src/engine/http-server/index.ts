/** A small HTTP server for loopback use: an agent's admin endpoint. The server's REST API is a framework's business. */
import { failure, problem, type Result, success } from "#model";

export interface HttpReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Answers one GET by its path; undefined is a 404. */
export type HttpAnswer = (path: string) => HttpReply | undefined;

export interface HttpServer {
  readonly port: number;
  stop(): Promise<void>;
}

const BODY_BYTES_MAX = 1024;
const IDLE_TIMEOUT_S = 10;

/** Binds at once; a taken port is `HDL_ENGINE_PORT_IN_USE`. Only GET and HEAD are answered. */
export function serveHttp(address: string, port: number, answer: HttpAnswer): Result<HttpServer> {
  try {
    const server = Bun.serve({
      hostname: address,
      port,
      maxRequestBodySize: BODY_BYTES_MAX,
      idleTimeout: IDLE_TIMEOUT_S,
      fetch(request) {
        if (request.method !== "GET" && request.method !== "HEAD") {
          return new Response("only GET\n", { status: 405, headers: { allow: "GET, HEAD" } });
        }
        const reply = answer(new URL(request.url).pathname);
        if (reply === undefined) return new Response("not found\n", { status: 404 });
        return new Response(reply.body, { status: reply.status, headers: { "content-type": reply.contentType } });
      },
    });
    return success({ port: server.port ?? port, stop: () => server.stop(true) });
  } catch (cause) {
    return failure(
      problem("HDL_ENGINE_PORT_IN_USE", `cannot listen on ${address}:${port}: ${String(cause)}`, { cause }),
    );
  }
}

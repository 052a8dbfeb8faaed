/** The app behind every pair: nginx with fixed answers, or, without it, the least that speaks HTTP/1.1. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, startServer } from "./children.ts";
import { startNginx } from "./nginx.ts";
import { freePorts } from "./ports.ts";

/** Sizes of the answers, each at `/bytes/<size>`. */
export const BODY_BYTES = [0, 1024, 65_536, 1_048_576] as const;

export type BodyBytes = (typeof BODY_BYTES)[number];

export const pathOf = (bytes: BodyBytes): string => `/bytes/${bytes}`;

export const GRPC_SERVICE = "/bench.Bytes";
export const GRPC_PATH = `${GRPC_SERVICE}/Get`;
/** Of a gRPC answer's body: a message of 1 KiB behind its prefix. */
export const GRPC_ANSWER_BYTES = 1024 + 5;

/** A message as gRPC frames it: not compressed, its length, itself. */
export function grpcMessage(bytes: number): Buffer {
  const message = Buffer.alloc(bytes + 5, "x");
  message[0] = 0;
  message.writeUInt32BE(bytes, 1);
  return message;
}

export interface App {
  readonly port: number;
  /** HTTP/2 without TLS; 0 where there is none. */
  readonly grpcPort: number;
  readonly about: string;
  readonly server: Server;
}

/** A text in nginx's configuration may not be longer than this. */
const LITERAL_BYTES_MAX = 2048;

function location(folder: string, bytes: BodyBytes): string {
  const body = "x".repeat(bytes);
  if (bytes <= LITERAL_BYTES_MAX) return `location = ${pathOf(bytes)} { return 200 "${body}"; }`;
  const file = join(folder, `body-${bytes}`);
  writeFileSync(file, body);
  return `location = ${pathOf(bytes)} { alias ${file}; }`;
}

/** A file instead of a handler: to nginx a POST of one is a mistake, which this turns into the file after all. */
function grpcServer(folder: string, port: number): string {
  const file = join(folder, "grpc-answer");
  writeFileSync(file, grpcMessage(GRPC_ANSWER_BYTES - 5));
  return `server {
    listen 127.0.0.1:${port} http2;
    location = ${GRPC_PATH} { alias ${file}; types {} default_type application/grpc; add_trailer grpc-status 0; error_page 405 =200 ${GRPC_PATH}; }
  }`;
}

export async function startApp(folder: string): Promise<App> {
  if (Bun.which("nginx") === null) {
    const server = await startServer([process.execPath, join(import.meta.dir, "small-app.ts")]);
    return { port: Number(server.said), grpcPort: 0, about: "small-app.ts", server };
  }
  const [port = 0, grpcPort = 0] = freePorts(2);
  const http = `open_file_cache max=16; sendfile on; tcp_nopush on;
  server { listen 127.0.0.1:${port}; ${BODY_BYTES.map((bytes) => location(folder, bytes)).join("\n")} }
  ${grpcServer(folder, grpcPort)}`;
  return {
    port,
    grpcPort,
    about: "nginx, one worker",
    server: await startNginx({ folder, name: "nginx-app", port, http }),
  };
}

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

export interface App {
  readonly port: number;
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

export async function startApp(folder: string): Promise<App> {
  if (Bun.which("nginx") === null) {
    const server = await startServer([process.execPath, join(import.meta.dir, "small-app.ts")]);
    return { port: Number(server.said), about: "small-app.ts", server };
  }
  const [port = 0] = freePorts(1);
  const http = `open_file_cache max=16; sendfile on; tcp_nopush on;
  server { listen 127.0.0.1:${port}; ${BODY_BYTES.map((bytes) => location(folder, bytes)).join("\n")} }`;
  return { port, about: "nginx, one worker", server: await startNginx({ folder, name: "nginx-app", port, http }) };
}

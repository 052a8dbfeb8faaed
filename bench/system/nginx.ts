/** nginx: a pair of proxies, and the leanest app. Two instances with one worker each; nothing is logged. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, startServer } from "./children.ts";
import { findProgram, otherPath, type Pair, type Peer, type Place, pairOf } from "./peer.ts";
import { freePorts, isListening } from "./ports.ts";

interface Instance {
  readonly folder: string;
  readonly name: string;
  readonly port: number;
  /** What stands inside `http { … }`. */
  readonly http: string;
}

/** Starts one nginx with one worker, with all its files in the folder. */
export async function startNginx({ folder, name, port, http }: Instance): Promise<Server> {
  const prefix = join(folder, name);
  mkdirSync(prefix, { recursive: true });
  const buffers = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${kind};`);
  // Started by root, the worker would become a user who may not enter the folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const text = `${user} daemon off; worker_processes 1; pid nginx.pid; error_log error.log crit;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
  ${buffers.join(" ")}
  ${http}
}\n`;
  const file = join(prefix, "nginx.conf");
  writeFileSync(file, text);
  // The log's place must be known before the file is read; by default it is one that only root may write.
  const command = ["nginx", "-p", `${prefix}/`, "-e", "error.log", "-c", file] as const;
  return startServer(command, () => isListening(port));
}

/** Large answers wait in the app instead of going through files. */
const HTTP1 = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;';

/** A kept connection for every request under way, so that none waits for a handshake. */
const upstream = (name: string, port: number, endpoints = 1): string =>
  `upstream ${name} { ${`server 127.0.0.1:${port}; `.repeat(endpoints)} keepalive 2048; keepalive_requests 1000000000; }`;

function clientSide(port: number, serverPort: number, { certificates, carries, size }: Place): string {
  const { clientFiles, authorityFile, serverName } = certificates;
  const isGrpc = carries === "grpc";
  const kind = isGrpc ? "grpc" : "proxy";
  return `${upstream("server_side", serverPort, size.endpoints)}
  server {
    listen 127.0.0.1:${port}${isGrpc ? " http2" : ""};
    ${locations(size.routes)}
    location / {
      ${isGrpc ? "grpc_pass grpcs://server_side;" : `proxy_pass https://server_side; ${HTTP1}`}
      ${kind}_ssl_certificate ${clientFiles.chain}; ${kind}_ssl_certificate_key ${clientFiles.key};
      ${kind}_ssl_trusted_certificate ${authorityFile}; ${kind}_ssl_verify on; ${kind}_ssl_protocols TLSv1.3;
      ${kind}_ssl_name ${serverName}; ${kind}_ssl_server_name on;
    }
  }`;
}

/** In the order of the file, which is not the one in which nginx looks for a prefix. */
function locations(routes: number): string {
  const others = Array.from({ length: Math.max(0, routes - 1) }, (_, index) => otherPath(index));
  return others.map((path) => `location ${path}/ { return 404; }`).join("\n    ");
}

function serverSide(port: number, { certificates, appPort, carries }: Place): string {
  const { serverFiles, authorityFile } = certificates;
  const isGrpc = carries === "grpc";
  return `${upstream("app", appPort)}
  server {
    listen 127.0.0.1:${port} ssl${isGrpc ? " http2" : ""};
    ssl_certificate ${serverFiles.chain}; ssl_certificate_key ${serverFiles.key}; ssl_protocols TLSv1.3;
    ssl_client_certificate ${authorityFile}; ssl_verify_client on;
    location / { ${isGrpc ? "grpc_pass grpc://app;" : `proxy_pass http://app; ${HTTP1}`} }
  }`;
}

async function startPair(place: Place): Promise<Pair> {
  const [clientPort = 0, serverPort = 0] = freePorts(2);
  const { folder } = place;
  const server = await startNginx({ folder, name: "nginx-b", port: serverPort, http: serverSide(serverPort, place) });
  const http = clientSide(clientPort, serverPort, place);
  const client = await startNginx({ folder, name: "nginx-a", port: clientPort, http });
  return pairOf(clientPort, [client, server]);
}

export const nginx: Peer = {
  name: "nginx",
  about: "HTTP/1.1 with kept connections between the two; no policy, no telemetry",
  layer: 7,
  carries: ["http1", "grpc"],
  find: () => findProgram(["nginx", "-v"], /nginx\/(\S+)/),
  start: startPair,
};

/** HAProxy: a pair of proxies in HTTP mode, with HTTP/1.1 or HTTP/2 between them, and in TCP mode. One thread each. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, startServer } from "./children.ts";
import { findProgram, otherPath, type Pair, type Peer, type Place, pairOf, type Size, SMALL } from "./peer.ts";
import { freePorts, isListening } from "./ports.ts";

type Mode = "http" | "http2" | "tcp";

interface Instance {
  readonly mode: Mode;
  readonly name: string;
  readonly port: number;
  /** What stands after `bind` and after `server`. */
  readonly bind: string;
  readonly server: string;
  readonly size: Size;
}

/** A map of prefixes, which is looked up in a tree: rules one after the other would be far slower. */
function rulesOf(folder: string, { mode, name, size }: Instance): string {
  if (mode === "tcp" || size.routes === 0) return "";
  const others = Array.from({ length: size.routes - 1 }, (_, index) => otherPath(index));
  const map = join(folder, `haproxy-${mode}-${name}.map`);
  writeFileSync(map, others.map((path) => `${path}/ nobody\n`).join(""));
  return `  use_backend %[path,map_beg(${map},out)]\n`;
}

function serversOf({ server, size }: Instance): string {
  return Array.from({ length: size.endpoints }, (_, index) => `  server next${index} ${server}\n`).join("");
}

async function startHaproxy(folder: string, instance: Instance): Promise<Server> {
  const { mode, name, port, bind } = instance;
  const text = `global
  nbthread 1
  maxconn 8000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode ${mode === "tcp" ? "tcp" : "http"}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  ${mode === "tcp" ? "" : "http-reuse always"}
frontend in
  bind ${bind}
${rulesOf(folder, instance)}  default_backend out
backend nobody
backend out
${serversOf(instance)}`;
  const file = join(folder, `haproxy-${mode}-${name}.cfg`);
  writeFileSync(file, text);
  return startServer(["haproxy", "-q", "-db", "-f", file], () => isListening(port));
}

async function startPair(mode: Mode, place: Place): Promise<Pair> {
  const { folder, appPort, certificates, size } = place;
  const { clientFiles, serverFiles, authorityFile, serverName } = certificates;
  const [clientPort = 0, serverPort = 0] = freePorts(2);
  const alpn = mode === "http2" ? " alpn h2" : "";
  const cleartext = place.carries === "grpc" ? " proto h2" : "";
  const verify = `ca-file ${authorityFile} verify required${alpn}`;
  const server = await startHaproxy(folder, {
    mode,
    name: "b",
    port: serverPort,
    bind: `127.0.0.1:${serverPort} ssl crt ${serverFiles.both} ${verify}`,
    server: `127.0.0.1:${appPort}${cleartext}`,
    size: SMALL,
  });
  const client = await startHaproxy(folder, {
    mode,
    name: "a",
    port: clientPort,
    bind: `127.0.0.1:${clientPort}${cleartext}`,
    server: `127.0.0.1:${serverPort} ssl crt ${clientFiles.both} sni str(${serverName}) verifyhost ${serverName} ${verify}`,
    size,
  });
  return pairOf(clientPort, [client, server]);
}

const find = () => findProgram(["haproxy", "-v"], /version (\S+)/);

export const haproxy: Peer = {
  name: "haproxy",
  about: "HTTP mode, HTTP/1.1 with kept connections between the two; no policy, no telemetry",
  layer: 7,
  carries: ["http1"],
  find,
  start: (place) => startPair("http", place),
};

export const haproxyHttp2: Peer = {
  name: "haproxy-h2",
  about: "HTTP mode, HTTP/2 between the two; no policy, no telemetry",
  layer: 7,
  carries: ["http1", "grpc"],
  find,
  start: (place) => startPair("http2", place),
};

export const haproxyTcp: Peer = {
  name: "haproxy-tcp",
  about: "TCP mode: carries bytes and does not read requests; no policy, no telemetry",
  layer: 4,
  carries: ["http1", "tcp"],
  find,
  start: (place) => startPair("tcp", place),
};

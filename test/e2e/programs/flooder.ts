/**
 * A hostile caller in a process of its own. Its argument says as JSON where to; each line of its input is `SIDE/VERSION/NAME` of a flood
 * to begin, or `stop`, which it answers with what it has sent and how its connections ended.
 */
import { connect as connectPlain, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";
import { goawayCode } from "../../fakes/http2-frames.ts";
import { type Flood, HTTP1_FLOODS, HTTP2_FLOODS, TLS_FLOODS } from "./floods.ts";
import type { FlooderStart, FloodReport } from "./reports.ts";

const { app, mesh, identity }: FlooderStart = JSON.parse(process.argv[2] ?? "{}");
const FLOODS: Readonly<Record<string, Readonly<Record<string, Flood>>>> = {
  http1: HTTP1_FLOODS,
  http2: HTTP2_FLOODS,
  tls: TLS_FLOODS,
};
const TICK_MS = 100;
/** Frames are found again by their nine bytes of header; a flood's connection is answered with little. */
const ANSWER_BYTES_MAX = 256 * 1024;

function dial(isMesh: boolean, isSecure: boolean, onOpen: () => void): Socket {
  if (!isMesh || !isSecure) return connectPlain({ host: "127.0.0.1", port: isMesh ? mesh : app }, onOpen);
  const options = {
    host: "127.0.0.1",
    port: mesh,
    cert: identity.certificateChainPem,
    key: identity.privateKeyPem,
    ca: [...identity.authoritiesPem],
    checkServerIdentity: () => undefined,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.3" as const,
  };
  return connectTls(options, onOpen);
}

class Running {
  readonly #flood: Flood;
  readonly #isMesh: boolean;
  readonly #version: string;
  readonly #startedMs = performance.now();
  readonly #open = new Set<Socket>();
  readonly #timer: Timer;
  readonly #ends: Record<string, number> = {};
  #connections = 0;
  #bytes = 0;
  #frames = 0;

  constructor(name: string) {
    const [side, version = "", flood = ""] = name.split("/");
    this.#isMesh = side === "mesh";
    this.#version = version;
    this.#flood = FLOODS[version]?.[flood] as Flood;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  stop(): FloodReport {
    clearInterval(this.#timer);
    for (const socket of this.#open) {
      socket.removeAllListeners("close");
      socket.destroy();
    }
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const { size: open } = this.#open;
    const ends = open > 0 ? { ...this.#ends, open } : this.#ends;
    return { seconds, connections: this.#connections, bytes: this.#bytes, frames: this.#frames, ends };
  }

  #tick(): void {
    const { held, perSecond, more } = this.#flood;
    const seconds = (performance.now() - this.#startedMs + TICK_MS) / 1000;
    if (more.length > 0) for (const socket of this.#open) this.#send(socket, more);
    for (let due = Math.ceil(seconds * perSecond) - this.#connections; due > 0; due--) {
      if (held > 0 && this.#open.size >= held) break;
      this.#connect();
    }
  }

  #connect(): void {
    const answer: Buffer[] = [];
    let answered = 0;
    this.#connections++;
    const socket = dial(this.#isMesh, this.#version !== "tls", () => this.#send(socket, this.#flood.first));
    this.#open.add(socket);
    socket.on("error", () => undefined);
    if (this.#flood !== HTTP1_FLOODS["answers unread"]) {
      socket.on("data", (bytes: Buffer) => {
        answered += bytes.length;
        if (answered < ANSWER_BYTES_MAX) answer.push(bytes);
      });
    }
    socket.on("close", () => {
      this.#open.delete(socket);
      const end = this.#endOf(Buffer.concat(answer));
      this.#ends[end] = (this.#ends[end] ?? 0) + 1;
    });
  }

  #endOf(answer: Buffer): string {
    if (this.#version === "http1") return answer.length > 0 ? answer.toString("latin1", 9, 12) : "closed";
    const code = goawayCode(answer);
    return code === undefined ? "closed" : `GOAWAY ${code}`;
  }

  #send(socket: Socket, bytes: Buffer): void {
    if (socket.destroyed) return;
    socket.write(bytes);
    this.#bytes += bytes.length;
    if (this.#version !== "http2") return;
    for (let at = bytes.indexOf("SM\r\n\r\n") < 0 ? 0 : 24; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
      this.#frames++;
    }
  }
}

let running: Running | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "stop") running = new Running(line);
  else console.log(JSON.stringify(running?.stop() ?? {}));
}
process.exit(0);

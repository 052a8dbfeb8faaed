/** Something that can carry requests between two workloads: Heddle, or a proxy that others wrote. */
import type { Carried } from "../report.ts";
import type { Certificates } from "./certificates.ts";
import { run, type Server } from "./children.ts";

/** What a pair is started in. */
export interface Place {
  /** For configuration and certificates; thrown away at the end. */
  readonly folder: string;
  readonly certificates: Certificates;
  readonly carries: Carried;
  /** Where the app listens on 127.0.0.1 for what is carried. */
  readonly appPort: number;
  readonly size: Size;
}

/** How much is configured. */
export interface Size {
  /** Routes by path at the client's side, of which what is asked meets the last; 0 routes nothing. */
  readonly routes: number;
  /** How many servers the client's side chooses among: the same one under as many names. */
  readonly endpoints: number;
}

export const SMALL: Size = { routes: 0, endpoints: 1 };

/** The path of a route that nothing asks for. */
export const otherPath = (index: number): string => `/orders/${index}`;

/** A running pair: load → client-side proxy → TLS 1.3 with certificates both ways → server-side proxy → app. */
export interface Pair {
  /** Where the client-side proxy listens on 127.0.0.1. */
  readonly port: number;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  readonly about: string;
  readonly layer: 4 | 7;
  /** What its pair can be set up for. */
  readonly carries: readonly Carried[];
  /** The version on this machine, or why it cannot take part. */
  find(): Promise<Found>;
  start(place: Place): Promise<Pair>;
}

export type Found =
  | { readonly kind: "found"; readonly version: string }
  | { readonly kind: "absent"; readonly reason: string };

/** A pair of servers; the first is the client's side, and they are stopped in this order. */
export function pairOf(port: number, servers: readonly Server[]): Pair {
  return {
    port,
    pids: servers.map(({ pid }) => pid),
    async stop() {
      for (const server of servers) await server.stop();
    },
  };
}

/** Looks for a program by asking it for its version; `pattern` has the version as its first group. */
export async function findProgram(command: readonly [string, ...string[]], pattern: RegExp): Promise<Found> {
  const [program] = command;
  if (Bun.which(program) === null) return { kind: "absent", reason: `${program} is not installed` };
  const version = pattern.exec((await run(command)).output)?.[1];
  return version === undefined
    ? { kind: "absent", reason: `\`${command.join(" ")}\` tells no version` }
    : { kind: "found", version };
}

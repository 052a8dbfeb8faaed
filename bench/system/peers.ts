/** Whom Heddle is measured against, in the order of the table. One entry adds a peer. */
import { haproxy, haproxyHttp2, haproxyTcp } from "./haproxy.ts";
import { heddle } from "./heddle.ts";
import { nginx } from "./nginx.ts";
import { type Found, findProgram, type Peer } from "./peer.ts";

/** A proxy for which nobody has written a pair yet: it is looked for, so that a run says what was left out. */
function unwritten(name: string, command: readonly [string, ...string[]]): Peer {
  return {
    name,
    about: "",
    layer: 7,
    carries: [],
    async find(): Promise<Found> {
      const found = await findProgram(command, /(\d+\.\d+\.\d+)/);
      return found.kind === "absent" ? found : { kind: "absent", reason: `${name} is installed, but has no pair yet` };
    },
    start: () => Promise.reject(new Error(`${name} has no pair yet`)),
  };
}

export const HEDDLE = heddle;

export const PEERS: readonly Peer[] = [
  heddle,
  nginx,
  haproxy,
  haproxyHttp2,
  haproxyTcp,
  unwritten("envoy", ["envoy", "--version"]),
  unwritten("linkerd2-proxy", ["linkerd2-proxy", "--version"]),
];

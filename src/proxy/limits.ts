import type { CircuitLimits } from "#routing";

/** Bounds of one agent's data plane. */
export interface ProxyLimits {
  /** Connections of apps, or of callers at an edge, at once; more are closed when they come. */
  readonly downstreamConnectionsMax: number;
  /** Streams of one connection from outside the mesh at once: each may have 256 KiB wait for a caller who does not read. */
  readonly edgeStreamsMax: number;
  /** Connections from other agents at once. */
  readonly peerConnectionsMax: number;
  /** Handshakes of other agents under way at once; more are dropped. */
  readonly handshakesMax: number;
  /** From the connection to the end of its handshake. */
  readonly handshakeTimeoutMs: number;
  /** Connections to the app at once; more requests wait. */
  readonly appConnectionsMax: number;
  /** Tunnels to the app at once, each with a connection of its own; more are refused with `overflow`. */
  readonly tunnelsMax: number;
  /** Connections from callers in the clear at once: apart from the agents', so that strangers take no place of theirs. */
  readonly plaintextConnectionsMax: number;
  /** Callers in the clear that are known by their address at once; more are one. */
  readonly plaintextCallersMax: number;
  /** Requests that wait for external authorizers at once; more are as if the authorizer did not answer. */
  readonly checksMax: number;
  /** Callers that one rate limit tells apart at once; more share a part of it. */
  readonly limitedCallersMax: number;
  /** Silent connections of apps, by service, that have a tunnel on a guess at once; others wait for their first byte. */
  readonly guessesMax: number;
  /** What may be under way towards one service at once, where its traffic policy says nothing; more is refused with `overflow`. */
  readonly circuit: CircuitLimits;
  /** Requests that may wait for a connection to the app; more are refused with `overflow`. */
  readonly pendingRequestsMax: number;
  /** Heads (1xx) that an app may send before that of its answer; one that sends more breaks the rules. */
  readonly interimsMax: number;
  /** A request that failed before its answer, and may be repeated, is sent again this often at the most. */
  readonly retriesMax: number;
  /** A request whose body is longer is not sent again. */
  readonly repeatableBytesMax: number;
  /** Requests that one HTTP/2 connection of ours carries before another takes its place: its identifiers end at about a thousand million. */
  readonly requestsPerConnectionMax: number;
  /** A connection to a peer that is silent for so long, while somebody waits on it, is asked for a sign, and ended after as long again. */
  readonly peerSilenceMs: number;
  /** An agent whose loop comes back so late, ten times a second, sheds new requests. */
  readonly overloadLateMs: number;
  /** From the first byte of a head to its last: slowloris. */
  readonly headTimeoutMs: number;
  /** A caller's connection on which nothing is asked. */
  readonly idleTimeoutMs: number;
  /** A request on which nothing moves after its answer has begun. */
  readonly streamIdleTimeoutMs: number;
  /** A tunnel or upgraded connection on which nothing moves. */
  readonly tunnelIdleTimeoutMs: number;
  /** A kept connection to the app; shorter than the five seconds after which Node's servers close one. */
  readonly appIdleTimeoutMs: number;
  /** Output to an app at which its sender is no longer given credit. */
  readonly outputBytesHigh: number;
}

export const DEFAULT_PROXY_LIMITS: ProxyLimits = {
  downstreamConnectionsMax: 16_384,
  edgeStreamsMax: 128,
  peerConnectionsMax: 4096,
  handshakesMax: 1024,
  handshakeTimeoutMs: 10_000,
  appConnectionsMax: 512,
  tunnelsMax: 4096,
  plaintextConnectionsMax: 4096,
  plaintextCallersMax: 256,
  checksMax: 1024,
  limitedCallersMax: 4096,
  guessesMax: 64,
  circuit: { connections: 4096, pendingRequests: 4096, requests: 16_384, retries: 1024 },
  pendingRequestsMax: 1024,
  interimsMax: 256,
  retriesMax: 2,
  repeatableBytesMax: 64 * 1024,
  requestsPerConnectionMax: 1_000_000_000,
  peerSilenceMs: 3000,
  overloadLateMs: 500,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  streamIdleTimeoutMs: 300_000,
  tunnelIdleTimeoutMs: 3_600_000,
  appIdleTimeoutMs: 4000,
  outputBytesHigh: 64 * 1024,
};

/** What the programs beside this file say to whoever started them, a JSON object a line. */

export interface ProxiesStart {
  /** Ports of the app's side of one agent and of the mesh side of the other. */
  readonly app: number;
  readonly mesh: number;
  readonly identity: FlooderIdentity;
}

export interface ProxiesReport {
  readonly rss: number;
  /** Open connections of callers. */
  readonly connections: number;
}

export interface FlooderIdentity {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  readonly authoritiesPem: readonly string[];
}

export interface FlooderStart {
  readonly app: number;
  readonly mesh: number;
  readonly identity: FlooderIdentity;
}

export interface FloodReport {
  readonly seconds: number;
  readonly connections: number;
  readonly bytes: number;
  readonly frames: number;
  /** How connections ended, by the code of a GOAWAY or as `closed`, with how many did. */
  readonly ends: Readonly<Record<string, number>>;
}

export interface IdlersReport {
  /** Open connections. */
  readonly open: number;
  /** Requests without an answer of 200, so far. */
  readonly unanswered: number;
}

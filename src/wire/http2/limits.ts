import { STREAM_MAX } from "./protocol.ts";

/** Bounds of one HTTP/2 connection. Each names the flood or the waste that it stops. */
export interface Http2Limits {
  /** Streams that the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). */
  readonly concurrentStreamsMax: number;
  /** Bytes of one stream that may wait for their reader. */
  readonly streamWindowBytes: number;
  /** Bytes of all streams together that may wait for their readers; at least 65,535, which RFC 9113 §6.9.2 starts with. */
  readonly connectionWindowBytes: number;
  /** A decoded field list, as RFC 9113 §6.5.2 counts it: HPACK bombs. */
  readonly headerListBytesMax: number;
  /** A header block over all its frames: CONTINUATION floods. */
  readonly headerBlockBytesMax: number;
  readonly continuationFramesMax: number;
  readonly headerTableBytes: number;
  /** Output at which `sendData` takes no more. */
  readonly outputBytesHigh: number;
  /** Output that a peer can make us hold by questions whose answers it does not read. Beyond, the connection ends. */
  readonly outputBytesMax: number;
  /** How many frames that bring nothing (PING, SETTINGS, empty DATA…) a peer may be ahead of those that do. */
  readonly idleFrameCredit: number;
  /** How many requests a peer may take back, or make us take back, ahead of those that are answered: twice all that may be open. */
  readonly resetCredit: number;
  /** Identifiers of our own streams go up to this: then the session drains, and another has to take its place. */
  readonly streamIdMax: number;
}

export const DEFAULT_HTTP2_LIMITS: Http2Limits = {
  concurrentStreamsMax: 1024,
  streamWindowBytes: 256 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  headerListBytesMax: 64 * 1024,
  headerBlockBytesMax: 64 * 1024,
  continuationFramesMax: 8,
  headerTableBytes: 4096,
  outputBytesHigh: 256 * 1024,
  outputBytesMax: 2 * 1024 * 1024,
  idleFrameCredit: 1000,
  resetCredit: 2048,
  streamIdMax: STREAM_MAX,
};

/** Bounds of one HTTP/1.1 message. Each stops a sender from making us hold or compute without end. */
export interface Http1Limits {
  /** Start line and fields together, bytes. Beyond: 431 (RFC 6585 §5). */
  readonly headBytesMax: number;
  /** Number of fields. Beyond: 431. */
  readonly fieldsMax: number;
  /** A chunk's size line with its extensions, bytes. Stops endless chunk extensions. */
  readonly chunkLineBytesMax: number;
  /** Trailer section, bytes. */
  readonly trailerBytesMax: number;
}

export const DEFAULT_HTTP1_LIMITS: Http1Limits = {
  headBytesMax: 64 * 1024,
  fieldsMax: 128,
  chunkLineBytesMax: 256,
  trailerBytesMax: 8 * 1024,
};

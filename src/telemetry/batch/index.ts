/** Telemetry batches as the protocol carries them: written by agents, read and checked by the server. */
export { BATCH_LIMITS, decodeBatch } from "./decode.ts";
export { encodeBatch } from "./encode.ts";

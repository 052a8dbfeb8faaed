/** Telemetry batches as the protocol carries them: written by agents, read and checked by the server. */
export { decodeBatch } from "./decode.ts";
export { encodeBatch } from "./encode.ts";

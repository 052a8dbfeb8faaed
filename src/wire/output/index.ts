/** Bytes on their way out, gathered so that many small writes become one. */
export { OutputBuffer } from "./output-buffer.ts";

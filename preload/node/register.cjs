"use strict";
/**
 * Loaded into Node programs before they start (`node --require`): their outbound calls carry on the trace of the inbound request
 * that they are made for. It changes nothing else, and whatever fails here, the app goes on as if it were not there.
 */
const MARK = Symbol.for("heddle.preload");
const OLDEST_MAJOR = 20;

const isOurs = process.versions.bun === undefined && Number.parseInt(process.versions.node, 10) >= OLDEST_MAJOR;
if (isOurs && !globalThis[MARK]) {
  Object.defineProperty(globalThis, MARK, { value: true });
  const parts = [
    () => require("./http1.cjs"),
    () => require("./http2.cjs"),
    () => require("./undici.cjs"),
    () => require("./grpc.cjs"),
  ];
  for (const part of parts) {
    try {
      part().install();
    } catch {
      // The other parts are good without it.
    }
  }
}

"use strict";
/**
 * What an inbound request was part of, and what of that its outbound calls carry on: W3C Trace Context, B3 where the request came
 * with it, and the request's id. It follows the request through callbacks and promises by `AsyncLocalStorage`.
 */
const { AsyncLocalStorage } = require("node:async_hooks");

/** @typedef {{ traceparent: string, tracestate: string, requestId: string, b3: string[] }} Inbound `b3`: names and values in turn. */

/** @type {import("node:async_hooks").AsyncLocalStorage<Inbound | undefined>} */
const storage = new AsyncLocalStorage();

/** Where an emitter holds the context that its listeners run in. */
const held = Symbol("heddle.inbound");

/** Version, trace, parent and flags (W3C Trace Context §3.2); a later version may go on after them. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]*)?$/;
/** What may be written into a field without another look at it. §3.3.1.5 asks for 512 characters at least. */
const PRINTABLE = /^[ -~]{1,1024}$/;
const B3_NAMES = ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"];

/** Most fields of a request differ from all that are carried by their length alone. */
const NAMES = new Set(["traceparent", "tracestate", "x-request-id", ...B3_NAMES]);
const LENGTHS = Array.from({ length: 32 }, (_, length) => [...NAMES].some((name) => name.length === length));

/** @returns {Inbound} */
function nothing() {
  return { traceparent: "", tracestate: "", requestId: "", b3: [] };
}

/** @param {Inbound} inbound @param {string} name in lower case @param {unknown} value */
function note(inbound, name, value) {
  if (typeof value !== "string" || !PRINTABLE.test(value)) return;
  if (name === "traceparent") {
    if (TRACEPARENT.test(value)) inbound.traceparent = value;
  } else if (name === "tracestate") {
    inbound.tracestate = inbound.tracestate === "" ? value : `${inbound.tracestate},${value}`;
  } else if (name === "x-request-id") inbound.requestId = value;
  else inbound.b3.push(name, value);
}

/** @param {Inbound} inbound Undefined where there is nothing to carry on. */
function worthy(inbound) {
  const isTraced = inbound.traceparent !== "" || inbound.b3.length > 0;
  return isTraced || inbound.requestId !== "" ? inbound : undefined;
}

/** @param {readonly string[]} raw Names, in any case, and values in turn. */
function inboundOfList(raw) {
  const inbound = nothing();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index];
    if (LENGTHS[name.length] !== true) continue;
    const lower = name.toLowerCase();
    if (NAMES.has(lower)) note(inbound, lower, raw[index + 1]);
  }
  return worthy(inbound);
}

/** @param {Readonly<Record<string, unknown>>} headers By names in lower case. */
function inboundOfHeaders(headers) {
  const inbound = nothing();
  for (const name of NAMES) if (headers[name] !== undefined) note(inbound, name, headers[name]);
  return worthy(inbound);
}

/**
 * What a call must be given, names and values in turn. What the app set by itself stands: nothing is replaced, and a context of the
 * app's own is not mixed with the one that came in.
 * @param {Inbound | undefined} inbound @param {(name: string) => boolean} isSet
 */
function carried(inbound, isSet) {
  /** @type {string[]} */
  const fields = [];
  if (inbound === undefined) return fields;
  const { traceparent, tracestate, requestId, b3 } = inbound;
  const isTraced = isSet("traceparent");
  if (!isTraced && traceparent !== "") {
    fields.push("traceparent", traceparent);
    if (tracestate !== "" && !isSet("tracestate")) fields.push("tracestate", tracestate);
  }
  if (b3.length > 0 && !isTraced && !B3_NAMES.some(isSet)) fields.push(...b3);
  if (requestId !== "" && !isSet("x-request-id")) fields.push("x-request-id", requestId);
  return fields;
}

/** Puts `value` where `name` was, with the same visibility. @param {object} owner @param {string} name @param {Function} value */
function replace(owner, name, value) {
  Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: false });
}

/** Has the listeners of a prototype's objects run in the context that the object holds. @param {any} prototype */
function emitWithHeld(prototype) {
  const emit = prototype.emit;
  replace(prototype, "emit", function (...args) {
    const inbound = this[held];
    if (inbound === undefined || storage.getStore() === inbound) return Reflect.apply(emit, this, args);
    return storage.run(inbound, Reflect.apply, emit, this, args);
  });
}

/** Runs what handles a request in the context of it, or in none where it came with none. @param {Inbound | undefined} inbound */
function runWith(inbound, call) {
  return inbound === undefined && storage.getStore() === undefined ? call() : storage.run(inbound, call);
}

module.exports = { carried, emitWithHeld, held, inboundOfHeaders, inboundOfList, replace, runWith, storage };

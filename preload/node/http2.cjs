"use strict";
/** `http2`, and gRPC on it. Its classes are not exported: they are taken from the first server, session and stream that there is. */
const http2 = require("node:http2");
const { syncBuiltinESMExports } = require("node:module");
const { carried, emitWithHeld, held, inboundOfHeaders, replace, runWith, storage } = require("./context.cjs");
const { serveWithContext } = require("./http1.cjs");

/** @typedef {import("./context.cjs").Inbound} Inbound */

/** Prototypes that are done. */
const seen = new WeakSet();

/** @param {any} object @param {(prototype: any) => void} change */
function once(object, change) {
  try {
    const prototype = Object.getPrototypeOf(object);
    if (seen.has(prototype)) return;
    seen.add(prototype);
    change(prototype);
  } catch {
    // The app goes on without.
  }
}

/** @param {any} stream @param {any} headers */
function take(stream, headers) {
  try {
    const inbound = inboundOfHeaders(headers);
    hold(stream, inbound);
    return inbound;
  } catch {
    return undefined;
  }
}

/** @param {any} stream @param {Inbound | undefined} inbound */
function hold(stream, inbound) {
  once(stream, emitWithHeld);
  if (inbound !== undefined) stream[held] = inbound;
}

/** @param {any} prototype Of the sessions of servers. */
function receiveWithContext(prototype) {
  const emit = prototype.emit;
  replace(prototype, "emit", function (...args) {
    const [event, stream, headers] = args;
    if (event !== "stream") return Reflect.apply(emit, this, args);
    return runWith(take(stream, headers), () => Reflect.apply(emit, this, args));
  });
}

/** @param {any} prototype Of servers: their sessions come before any stream. */
function watchSessions(prototype) {
  // With `allowHTTP1` it has requests of HTTP/1 too.
  serveWithContext(prototype);
  const emit = prototype.emit;
  replace(prototype, "emit", function (...args) {
    if (args[0] === "session") once(args[1], receiveWithContext);
    return Reflect.apply(emit, this, args);
  });
}

/** @param {Inbound} inbound @param {any} headers An object, a flat list of names and values, or nothing. */
function withCarried(inbound, headers) {
  try {
    const names = Array.isArray(headers) ? headers.filter((_, index) => index % 2 === 0) : Object.keys(headers ?? {});
    const set = new Set(names.map((name) => String(name).toLowerCase()));
    const fields = carried(inbound, (name) => set.has(name));
    if (fields.length === 0) return headers;
    if (Array.isArray(headers)) return [...headers, ...fields];
    const given = { ...headers };
    for (let index = 0; index < fields.length; index += 2) given[fields[index]] = fields[index + 1];
    return given;
  } catch {
    return headers;
  }
}

/** @param {any} prototype Of the sessions of clients. */
function requestWithContext(prototype) {
  const request = prototype.request;
  replace(prototype, "request", function (headers, ...rest) {
    const inbound = storage.getStore();
    if (inbound === undefined) return Reflect.apply(request, this, [headers, ...rest]);
    const stream = Reflect.apply(request, this, [withCarried(inbound, headers), ...rest]);
    try {
      hold(stream, inbound);
    } catch {
      // The call is on its way all the same.
    }
    return stream;
  });
}

function install() {
  for (const name of ["createServer", "createSecureServer"]) {
    const create = http2[name];
    replaceExport(name, function (...args) {
      const server = Reflect.apply(create, this, args);
      once(server, watchSessions);
      return server;
    });
  }
  const connect = http2.connect;
  replaceExport("connect", function (...args) {
    const session = Reflect.apply(connect, this, args);
    once(session, requestWithContext);
    return session;
  });
  // Modules that import it by name see what they would have from `require`.
  syncBuiltinESMExports();
}

/** @param {string} name @param {Function} value */
function replaceExport(name, value) {
  Object.defineProperty(value, "name", { value: name });
  Object.defineProperty(value, "length", { value: http2[name].length });
  http2[name] = value;
}

module.exports = { install };

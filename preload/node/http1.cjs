"use strict";
/** `http` and `https`: requests come out of the server's `emit`, and calls are written by `_storeHeader`, whoever made them. */
const http = require("node:http");
const https = require("node:https");
const { carried, emitWithHeld, held, inboundOfList, replace, runWith, storage } = require("./context.cjs");

const REQUEST_EVENTS = new Set(["request", "checkContinue", "checkExpectation", "upgrade", "connect"]);

/** @param {any} request */
function take(request) {
  try {
    const inbound = inboundOfList(request.rawHeaders);
    // Its body arrives in the connection's context, not in the request's.
    if (inbound !== undefined) request[held] = inbound;
    return inbound;
  } catch {
    return undefined;
  }
}

/** @param {any} prototype Of a server whose requests are `IncomingMessage`s. */
function serveWithContext(prototype) {
  const emit = prototype.emit;
  replace(prototype, "emit", function (...args) {
    const [event, request] = args;
    if (!REQUEST_EVENTS.has(event) || request?.rawHeaders === undefined) return Reflect.apply(emit, this, args);
    return runWith(take(request), () => Reflect.apply(emit, this, args));
  });
}

/** @param {any} headers As `OutgoingMessage` keeps them: by name, or a list, flat or of pairs. @returns {(name: string) => boolean} */
function namesIn(headers) {
  if (headers === null || headers === undefined) return () => false;
  if (!Array.isArray(headers)) return (name) => headers[name] !== undefined;
  const isFlat = !Array.isArray(headers[0]);
  const names = headers.filter((_, index) => !isFlat || index % 2 === 0).map((each) => String(isFlat ? each : each[0]));
  const set = new Set(names.map((name) => name.toLowerCase()));
  return (name) => set.has(name);
}

/** Lines for what a call must be given, to stand after its first. @param {unknown} headers */
function linesFor(headers) {
  const inbound = storage.getStore();
  if (inbound === undefined) return "";
  try {
    const fields = carried(inbound, namesIn(headers));
    let lines = "";
    for (let index = 0; index < fields.length; index += 2) lines += `${fields[index]}: ${fields[index + 1]}\r\n`;
    return lines;
  } catch {
    return "";
  }
}

function install() {
  serveWithContext(http.Server.prototype);
  serveWithContext(https.Server.prototype);
  emitWithHeld(http.IncomingMessage.prototype);
  const { prototype } = http.ClientRequest;
  const store = prototype._storeHeader;
  if (typeof store !== "function") return;
  // Added on the way out, so that the app sees its own headers only: signatures and tests over them hold.
  replace(prototype, "_storeHeader", function (firstLine, headers) {
    // What is said to a proxy about a tunnel is not said to the service behind it.
    const lines = this.method === "CONNECT" ? "" : linesFor(headers);
    return Reflect.apply(store, this, [firstLine + lines, headers]);
  });
}

module.exports = { install, serveWithContext };

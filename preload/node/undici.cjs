"use strict";
/** `fetch` and undici, Node's own and the package: both tell of each request on the same channel before they write it. */
const { AsyncResource } = require("node:async_hooks");
const { subscribe } = require("node:diagnostics_channel");
const { carried, storage } = require("./context.cjs");

/** @param {any} request undici's, whose headers are text (version 5) or a flat list. @returns {(name: string) => boolean} */
function namesIn(request) {
  const { headers } = request;
  if (typeof headers === "string")
    return (name) =>
      headers
        .toLowerCase()
        .split("\r\n")
        .some((line) => line.startsWith(`${name}:`));
  const names = new Set(
    (headers ?? []).filter((_, index) => index % 2 === 0).map((name) => String(name).toLowerCase()),
  );
  return (name) => names.has(name);
}

/** A request may have waited for a connection, and is then made where that became free: its handler knows whose it is. */
function inboundOf(request) {
  const symbol = Object.getOwnPropertySymbols(request).find(({ description }) => description === "handler");
  const handler = symbol === undefined ? undefined : request[symbol];
  return handler instanceof AsyncResource ? handler.runInAsyncScope(() => storage.getStore()) : storage.getStore();
}

/** @param {any} message */
function onCreate({ request }) {
  try {
    if (request.method === "CONNECT") return;
    const fields = carried(inboundOf(request), namesIn(request));
    for (let index = 0; index < fields.length; index += 2) request.addHeader(fields[index], fields[index + 1]);
  } catch {
    // The request goes out as the app made it.
  }
}

/** Whether a copy of its fields is as good as the object: one with getters, such as a `Request`, is not. */
function isPlain(init) {
  if (init === undefined || init === null) return true;
  const prototype = Object.getPrototypeOf(init);
  return prototype === Object.prototype || prototype === null;
}

/** The second argument of a call of `fetch` with what the call must be given. */
function initFor(input, init) {
  const inbound = storage.getStore();
  if (inbound === undefined || !(typeof input === "string" || input instanceof URL) || !isPlain(init)) return init;
  try {
    const headers = new Headers(init?.headers);
    const fields = carried(inbound, (name) => headers.has(name));
    for (let index = 0; index < fields.length; index += 2) headers.set(fields[index], fields[index + 1]);
    return fields.length === 0 ? init : { ...init, headers };
  } catch {
    return init;
  }
}

function install() {
  subscribe("undici:request:create", onCreate);
  const original = globalThis.fetch;
  if (typeof original !== "function") return;
  // Where all connections are in use, a call of `fetch` waits and forgets whose it is: it takes its headers along.
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "fetch");
  const fetch = (input, init = undefined) => original(input, initFor(input, init));
  Object.defineProperty(fetch, "length", { value: original.length });
  Object.defineProperty(globalThis, "fetch", { ...descriptor, value: fetch });
}

module.exports = { install };

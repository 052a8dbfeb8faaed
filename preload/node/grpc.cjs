"use strict";
/**
 * Calls of `@grpc/grpc-js`. A call that waits for its channel is written when that connects, in the context of another: so each takes
 * its metadata and its listeners along. Its servers are `http2` ones, and need nothing here.
 */
const Module = require("node:module");
const { carried, emitWithHeld, held, replace, storage } = require("./context.cjs");

/** Where each method takes metadata, or what may stand in its place, and whether a callback ends its arguments. */
const METHODS = [
  { name: "makeUnaryRequest", at: 4, hasCallback: true },
  { name: "makeClientStreamRequest", at: 3, hasCallback: true },
  { name: "makeServerStreamRequest", at: 4, hasCallback: false },
  { name: "makeBidiStreamRequest", at: 3, hasCallback: false },
];

/** @param {any} given */
function metadataWith(inbound, given, Metadata) {
  const metadata = given instanceof Metadata ? given.clone() : new Metadata();
  const fields = carried(inbound, (name) => metadata.get(name).length > 0);
  for (let index = 0; index < fields.length; index += 2) metadata.set(fields[index], fields[index + 1]);
  return metadata;
}

/** The arguments with metadata of the call's own, and a callback that comes back to where it was made. */
function argumentsWith(inbound, args, { at, hasCallback, Metadata }) {
  const given = args[at];
  const isInPlace = given instanceof Metadata || (hasCallback && (given === undefined || given === null));
  const changed = [...args];
  changed.splice(at, isInPlace ? 1 : 0, metadataWith(inbound, given, Metadata));
  const last = changed.length - 1;
  const callback = changed[last];
  if (hasCallback && typeof callback === "function")
    changed[last] = (...results) => storage.run(inbound, callback, ...results);
  return changed;
}

function callWithContext(prototype, method, Metadata) {
  const make = prototype[method.name];
  if (typeof make !== "function") return;
  replace(prototype, method.name, function (...args) {
    const inbound = storage.getStore();
    if (inbound === undefined) return Reflect.apply(make, this, args);
    let given = args;
    try {
      given = argumentsWith(inbound, args, { ...method, Metadata });
    } catch {
      // The call is made as the app made it.
    }
    const call = Reflect.apply(make, this, given);
    call[held] = inbound;
    emitWithHeld(call);
    return call;
  });
}

/** @param {any} loaded What a module exports. */
function change(loaded) {
  const { Client, Metadata } = loaded ?? {};
  const prototype = Client?.prototype;
  if (prototype === undefined || Metadata === undefined || Object.hasOwn(prototype, held)) return;
  replace(prototype, held, undefined);
  for (const method of METHODS) callWithContext(prototype, method, Metadata);
}

function install() {
  const load = Module._load;
  if (typeof load !== "function") return;
  Module._load = function (...args) {
    const loaded = Reflect.apply(load, this, args);
    try {
      const [request] = args;
      if (typeof request === "string" && request.includes("grpc-js")) change(loaded);
    } catch {
      // The app has the module as it is.
    }
    return loaded;
  };
}

module.exports = { install };

/**
 * What a ClientHello says of whom it wants and in which protocol. Read strictly: one that another implementation could read otherwise
 * is no hello, so that nobody is let through here as one and served there as another.
 */
import { ByteCursor } from "./byte-cursor.ts";

export interface ClientHello {
  /** The name asked for (RFC 6066 §3), in lower case; undefined when none is. */
  readonly serverName: string | undefined;
  /** Protocols offered (RFC 7301 §3.1), the one preferred first; empty when ALPN is not spoken. */
  readonly alpn: readonly string[];
}

const RANDOM_BYTES = 32;
const SESSION_ID_BYTES_MAX = 32;
const SERVER_NAME = 0;
const ALPN = 16;
const HOST_NAME = 0;
/** What DNS can hold, as letters. */
const HOST_NAME_MAX = 253;
const LABELS = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** Reads the message behind its four bytes of type and length; undefined when it is malformed. */
export function parseClientHello(message: Uint8Array): ClientHello | undefined {
  const cursor = new ByteCursor(message);
  const version = cursor.uint(2);
  const random = cursor.take(RANDOM_BYTES);
  const sessionId = cursor.vector(1, 0);
  const suites = cursor.vector(2, 2);
  const compressions = cursor.vector(1, 1);
  if (version === undefined || version >> 8 !== 3 || random === undefined || sessionId === undefined) return undefined;
  if (sessionId.length > SESSION_ID_BYTES_MAX) return undefined;
  if (suites === undefined || suites.length % 2 !== 0 || compressions === undefined) return undefined;
  // Before TLS 1.3 a hello may end here.
  if (cursor.isAtEnd) return { serverName: undefined, alpn: [] };
  const extensions = cursor.vector(2, 0);
  return extensions !== undefined && cursor.isAtEnd ? parseExtensions(extensions) : undefined;
}

function parseExtensions(bytes: Uint8Array): ClientHello | undefined {
  const extensions = extensionsIn(bytes);
  if (extensions === undefined) return undefined;
  const names = extensions.get(SERVER_NAME);
  const protocols = extensions.get(ALPN);
  const serverName = names && parseServerName(names);
  const alpn = protocols === undefined ? [] : parseAlpn(protocols);
  if (alpn === undefined || (names !== undefined && serverName === undefined)) return undefined;
  return { serverName, alpn };
}

/** By type. None may be there twice (RFC 8446 §4.2): whoever heeds the other one would read another hello. */
function extensionsIn(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const cursor = new ByteCursor(bytes);
  const extensions = new Map<number, Uint8Array>();
  while (!cursor.isAtEnd) {
    const type = cursor.uint(2);
    const data = cursor.vector(2, 0);
    if (type === undefined || data === undefined || extensions.has(type)) return undefined;
    extensions.set(type, data);
  }
  return extensions;
}

/** The list has one name: no type but `host_name` was ever given out, and none may be there twice. */
function parseServerName(data: Uint8Array): string | undefined {
  const list = listIn(data);
  if (list === undefined) return undefined;
  const cursor = new ByteCursor(list);
  const type = cursor.uint(1);
  const name = cursor.vector(2, 1);
  if (type !== HOST_NAME || name === undefined || !cursor.isAtEnd || name.length > HOST_NAME_MAX) return undefined;
  const text = textOf(name).toLowerCase();
  return LABELS.test(text) ? text : undefined;
}

function parseAlpn(data: Uint8Array): readonly string[] | undefined {
  const list = listIn(data);
  if (list === undefined) return undefined;
  const cursor = new ByteCursor(list);
  const protocols: string[] = [];
  while (!cursor.isAtEnd) {
    const protocol = cursor.vector(1, 1);
    if (protocol === undefined) return undefined;
    protocols.push(textOf(protocol));
  }
  return protocols;
}

/** A vector of at least one entry that is all there is. */
function listIn(data: Uint8Array): Uint8Array | undefined {
  const cursor = new ByteCursor(data);
  const list = cursor.vector(2, 2);
  return cursor.isAtEnd ? list : undefined;
}

/** Every byte as one character. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

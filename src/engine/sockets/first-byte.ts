/**
 * What a caller says first, seen before anything is read: the engine has no call for either half of this, and what it has read before a
 * handshake is lost to it. Linux only.
 */
import { dlopen, ptr } from "bun:ffi";

const IPPROTO_TCP = 6;
const TCP_DEFER_ACCEPT = 9;
const MSG_PEEK = 0x02;
const MSG_DONTWAIT = 0x40;
/** Of the option's value. */
const INT_BYTES = 4;

/** Of a TLS record that carries a handshake (RFC 8446 §5.1). */
export const TLS_HANDSHAKE = 0x16;

const CALLS = {
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
} as const;

/** The system's C library, opened when it is first needed; undefined where there is none that is known. */
let opened: ReturnType<typeof open> | undefined;

function open() {
  if (process.platform !== "linux") return { symbols: undefined };
  try {
    return dlopen("libc.so.6", CALLS);
  } catch {
    return { symbols: undefined };
  }
}

function libc() {
  opened ??= open();
  return opened.symbols;
}

/**
 * Has a listener's connections given out once their first byte is there, or else after about a second of silence (tcp(7),
 * `TCP_DEFER_ACCEPT`); 0 seconds gives them out at once. Returns whether the system does so.
 */
export function deferAccept(listenerFd: number, seconds: 0 | 1): boolean {
  const value = Int32Array.of(seconds);
  return libc()?.setsockopt(listenerFd, IPPROTO_TCP, TCP_DEFER_ACCEPT, ptr(value), INT_BYTES) === 0;
}

const byte = new Uint8Array(1);

/** The first byte that waits to be read; undefined when there is none. */
export function firstByteAt(fd: number): number | undefined {
  return libc()?.recv(fd, ptr(byte), 1, MSG_PEEK | MSG_DONTWAIT) === 1 ? byte[0] : undefined;
}

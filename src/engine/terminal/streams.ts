import { writeSync } from "node:fs";
import { isatty, WriteStream } from "node:tty";

/** Standard output or standard error. Writes are complete when they return; a reader that went away makes them do nothing. */
export interface OutputStream {
  readonly isTerminal: boolean;
  /** Whether colour is wanted: a terminal that can, no `NO_COLOR` (no-color.org); `FORCE_COLOR` asks for it anywhere. */
  readonly isColoured: boolean;
  /** Width in characters; 80 where there is no terminal. */
  columns(): number;
  rows(): number;
  write(text: string): void;
  /** Hides or shows the cursor; nothing happens where there is no terminal. */
  showCursor(isShown: boolean): void;
  /** Moves up by so many lines and clears from there to the end of the screen. */
  rewind(lines: number): void;
}

const PIPE_FULL_WAIT_MS = 5;
/** A reader that takes nothing for this long is treated as gone, so that it cannot stop the whole program. */
const PIPE_FULL_WAITS_MAX = 2000;

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Writes everything; false when the reader is gone. */
function writeAll(descriptor: number, bytes: Uint8Array): boolean {
  let waits = 0;
  for (let sent = 0; sent < bytes.length; ) {
    try {
      sent += writeSync(descriptor, bytes, sent);
      waits = 0;
    } catch (cause) {
      const code = (cause as { code?: string }).code;
      if (code !== "EAGAIN" || ++waits > PIPE_FULL_WAITS_MAX) return false;
      pause(PIPE_FULL_WAIT_MS);
    }
  }
  return true;
}

/** Exported for its test. */
export function wantsColour(isTerminal: boolean, environment: Readonly<Record<string, string | undefined>>): boolean {
  if ((environment["NO_COLOR"] ?? "") !== "") return false;
  const force = environment["FORCE_COLOR"] ?? "";
  if (force !== "") return force !== "0";
  return isTerminal && environment["TERM"] !== "dumb";
}

function outputStream(descriptor: 1 | 2): OutputStream {
  const isTerminal = isatty(descriptor);
  const size = (): readonly [number, number] => {
    const stream = descriptor === 1 ? process.stdout : process.stderr;
    return stream instanceof WriteStream ? [stream.columns || 80, stream.rows || 24] : [80, 24];
  };
  let isOpen = true;
  const write = (text: string): void => {
    if (isOpen && text !== "") isOpen = writeAll(descriptor, new TextEncoder().encode(text));
  };
  const control = (sequence: string): void => {
    if (isTerminal) write(sequence);
  };
  return {
    isTerminal,
    isColoured: wantsColour(isTerminal, process.env),
    columns: () => size()[0],
    rows: () => size()[1],
    write,
    showCursor: (isShown) => control(isShown ? "\x1b[?25h" : "\x1b[?25l"),
    rewind: (lines) => control(`\r${lines > 0 ? `\x1b[${lines}A` : ""}\x1b[J`),
  };
}

/** Standard output: what a command was asked for, and nothing else. */
export function standardOutput(): OutputStream {
  return outputStream(1);
}

/** Standard error: progress, logs and problems. */
export function standardError(): OutputStream {
  return outputStream(2);
}

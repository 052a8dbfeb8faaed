/**
 * The field lines of one connection's heads. Senders repeat themselves: a line that stood at the same place in the head before is
 * taken from memory, names and values as the very same strings, and only what changed is read anew.
 */
import type { FieldList } from "#wire/fields";
import type { Http1Fault } from "./fault.ts";
import { faultOfCharacters, readFields } from "./head.ts";

/** Lines and heads beyond these are read anew each time, so that what a connection remembers is bounded. */
const LINES_MAX = 48;
export const REMEMBERED_CHARS_MAX = 4096;

export class FieldReader {
  readonly #lines: string[] = [];
  readonly #known: FieldList = [];

  /** Appends the fields of `head` from `start` to `fields`. The head ends with its empty line. */
  read(head: string, start: number, fields: FieldList): Http1Fault | undefined {
    let at = start;
    for (let line = 0; head.charCodeAt(at) !== 0x0d; line++) {
      const known = this.#lines[line];
      if (known !== undefined && head.startsWith(known, at)) {
        fields.push(this.#known[line * 2] as string, this.#known[line * 2 + 1] as string);
        at += known.length;
        continue;
      }
      const next = endOfLine(head, at);
      const text = head.slice(at, next);
      const fault = faultOfCharacters(text) ?? readFields(`${text}\r\n`, 0, fields);
      if (fault !== undefined) return fault;
      if (line < LINES_MAX && head.length <= REMEMBERED_CHARS_MAX) this.#remember(line, text, fields);
      at = next;
    }
    return at === head.length - 2 ? undefined : "bare-line-feed";
  }

  #remember(line: number, text: string, fields: FieldList): void {
    this.#lines[line] = text;
    this.#known[line * 2] = fields[fields.length - 2] as string;
    this.#known[line * 2 + 1] = fields[fields.length - 1] as string;
  }
}

function endOfLine(head: string, start: number): number {
  const end = head.indexOf("\r\n", start);
  return end < 0 ? head.length : end + 2;
}

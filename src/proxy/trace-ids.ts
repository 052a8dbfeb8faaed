/** Identifiers of traces and spans, drawn from the system's randomness many at a time. */
import type { Random } from "#engine/random";
import type { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import { parseTraceparent } from "#wire/trace-context";

const POOL_BYTES = 4096;
const TRACE_DIGITS = 32;
const SPAN_DIGITS = 16;
/** All zero is no identifier (W3C Trace Context §3.2.2): where the pool has no such stretch, nothing drawn from it needs a look. */
const NO_IDENTIFIER = "0".repeat(SPAN_DIGITS);

export class TraceIds {
  readonly #random: Random;
  #pool = "";
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Continues the trace of the request or starts one, and gives the record a span of its own. */
  begin(record: RequestRecord, fields: FieldList, sampling: number): void {
    const header = fieldValue(fields, "traceparent");
    const context = header === undefined ? undefined : parseTraceparent(header);
    record.traceId = context?.traceId ?? this.#draw(TRACE_DIGITS);
    record.parentSpanId = context?.parentId ?? "";
    record.sampled = context?.sampled ?? this.#random.next() < sampling;
    record.spanId = this.#draw(SPAN_DIGITS);
  }

  #draw(digits: number): string {
    if (this.#at + digits > this.#pool.length) this.#fill();
    const drawn = this.#pool.slice(this.#at, this.#at + digits);
    this.#at += digits;
    return drawn;
  }

  #fill(): void {
    do this.#pool = Buffer.from(this.#random.bytes(POOL_BYTES)).toString("hex");
    while (this.#pool.includes(NO_IDENTIFIER));
    this.#at = 0;
  }
}

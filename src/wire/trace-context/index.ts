/** W3C Trace Context (Recommendation, level 1): who is tracing, and which span is the parent. */

export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero: the span of the sender. */
  readonly parentId: string;
  readonly sampled: boolean;
}

/** Version 00 exactly; a later version may have more fields after the flags (§4.3), `ff` is invalid. */
const TRACEPARENT =
  /^(?:00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|(?!00|ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?)$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const SAMPLED_FLAG = 1;

/** The context of a `traceparent` header; undefined when it is malformed, and a new trace must be started (§4.3). */
export function parseTraceparent(value: string): TraceContext | undefined {
  if (!TRACEPARENT.test(value)) return undefined;
  // Every part has its place, which costs less to cut out than to have found.
  const traceId = value.slice(3, 35);
  const parentId = value.slice(36, 52);
  if (traceId === NO_TRACE || parentId === NO_SPAN) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(value.slice(53, 55), 16) & SAMPLED_FLAG) === SAMPLED_FLAG };
}

export function formatTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/** Why a message was refused. Each names what two parsers could read differently, or the bound that was passed. */
export type Http1Fault =
  | "bad-start-line"
  | "bad-version"
  | "bad-target"
  | "bad-field-name"
  | "bad-field-value"
  | "bare-line-feed"
  | "folded-field"
  | "host-missing"
  | "host-repeated"
  | "host-mismatch"
  | "length-and-encoding"
  | "bad-content-length"
  | "bad-transfer-encoding"
  | "bad-chunk"
  | "head-too-large"
  | "trailers-too-large"
  | "forbidden-trailer"
  | "unexpected-end";

/** The status to answer a request's fault with. */
export function statusOfFault(fault: Http1Fault): 400 | 431 | 505 {
  if (fault === "head-too-large" || fault === "trailers-too-large") return 431;
  return fault === "bad-version" ? 505 : 400;
}

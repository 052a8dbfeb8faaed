/** A request or a call at one program, by one clock. */
export interface TimedSpan {
  /** What is asked, without what differs from request to request: spans of one kind are taken to behave alike. */
  readonly kind: string;
  readonly startUs: number;
  readonly endUs: number;
}

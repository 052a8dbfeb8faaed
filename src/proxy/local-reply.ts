/** Responses that an agent makes itself: each says why, in a header, in a sentence, and in what is recorded. */
import { END_REASONS, type EndReason } from "#telemetry";
import type { FieldList } from "#wire/fields";

export interface LocalReply {
  readonly status: number;
  readonly reason: EndReason;
  readonly fields: FieldList;
  readonly body: string;
}

const STATUS: Readonly<Partial<Record<EndReason, number>>> = {
  "route-not-found": 404,
  "policy-denied": 403,
  "request-timeout": 504,
  "stream-idle-timeout": 504,
  "downstream-protocol-error": 400,
  "upstream-protocol-error": 502,
  "identity-mismatch": 503,
  "internal-error": 500,
};

/** Unless a status is said, the reason has its own; 503 where nothing better fits. */
export function localReply(
  reason: EndReason,
  detail: { readonly status?: number; readonly policy?: string } = {},
): LocalReply {
  const entry = END_REASONS[reason];
  const policy = detail.policy ?? "";
  const body = policy === "" ? `${entry.sentence}\n` : `${entry.sentence} Decided by: ${policy}\n`;
  const fields: FieldList = ["content-type", "text/plain; charset=utf-8", "content-length", String(body.length)];
  fields.push("server", "heddle", "x-heddle-reason", reason);
  if (policy !== "") fields.push("x-heddle-policy", policy);
  return { status: detail.status ?? STATUS[reason] ?? 503, reason, fields, body };
}

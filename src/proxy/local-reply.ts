/** Responses that an agent makes itself: each says why, in a header, in a sentence, and in what is recorded. */
import { END_REASONS, type EndReason, isEndReason } from "#telemetry";
import { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import type { ProxyContext } from "./context.ts";
import { grpcStatusOf } from "./grpc.ts";

export interface LocalReply {
  /** As it is counted; gRPC says it in other words. */
  readonly status: number;
  readonly reason: EndReason;
  /** `:status` first. */
  readonly fields: FieldList;
  readonly body: string;
}

const STATUS: Readonly<Partial<Record<EndReason, number>>> = {
  "route-not-found": 404,
  "backend-not-found": 500,
  "policy-denied": 403,
  "egress-denied": 403,
  "token-invalid": 401,
  "external-denied": 403,
  "external-unavailable": 403,
  "rate-limited": 429,
  "request-timeout": 504,
  "stream-idle-timeout": 504,
  "downstream-protocol-error": 400,
  "upstream-protocol-error": 502,
  "identity-mismatch": 503,
  "internal-error": 500,
};

export interface LocalDetail {
  readonly status?: number;
  /** Further fields. */
  readonly fields?: FieldList;
  /** In place of the reason's sentence; its type may be among the fields. */
  readonly body?: string;
}

interface ReplyDetail extends LocalDetail {
  readonly policy?: string;
  /** Identifier under which a denial is recorded, so that it can be asked about; it says nothing by itself. */
  readonly flow?: string;
  readonly isGrpc?: boolean;
}

/** Unless a status is said, the reason has its own; 503 where nothing better fits. A caller of gRPC is answered in gRPC. */
export function localReply(reason: EndReason, detail: ReplyDetail = {}): LocalReply {
  const { sentence, flag } = END_REASONS[reason];
  const policy = detail.policy ?? "";
  const said = policy === "" ? sentence : `${sentence} Decided by: ${policy}`;
  const status = detail.status ?? STATUS[reason] ?? 503;
  const why: FieldList = ["server", "heddle", "x-heddle-reason", reason, "x-heddle-flags", flag];
  if (policy !== "") why.push("x-heddle-policy", policy);
  if (detail.flow !== undefined) why.push("x-heddle-flow", detail.flow);
  if (reason === "overflow") why.push("x-envoy-overloaded", "true");
  if (detail.fields !== undefined) why.push(...detail.fields);
  if (detail.isGrpc === true) {
    const grpc = [
      "content-type",
      "application/grpc",
      "grpc-status",
      String(grpcStatusOf(status)),
      "grpc-message",
      said,
    ];
    return { status, reason, fields: [":status", "200", ...grpc, ...why], body: "" };
  }
  const body = detail.body ?? `${said}\n`;
  const isTyped = detail.fields !== undefined && fieldValue(detail.fields, "content-type") !== undefined;
  const plain = isTyped ? [] : ["content-type", "text/plain; charset=utf-8"];
  plain.push("content-length", String(Buffer.byteLength(body)));
  return { status, reason, fields: [":status", String(status), ...plain, ...why], body };
}

/** Why an agent made the answer itself; undefined when the app made it. */
export function reasonIn(fields: FieldList): EndReason | undefined {
  const said = fieldValue(fields, "x-heddle-reason");
  return said !== undefined && isEndReason(said) ? said : undefined;
}

/** Sends the caller elsewhere, as its route says. */
export function redirectReply(status: number, location: string): LocalReply {
  const fields = [":status", String(status), "location", location, "content-length", "0", "server", "heddle"];
  return { status, reason: "completed", fields, body: "" };
}

/** Counts a request that was refused before it was one. */
export function recordRefusal({ clock, recorder }: ProxyContext, edge: number, reply: LocalReply): void {
  const record = new RequestRecord();
  record.edge = edge;
  record.receivedUs = clock.nowUs();
  record.doneUs = record.receivedUs;
  record.status = reply.status;
  record.endReason = reply.reason;
  recorder.finish(record);
}

/** One request that waits for an external authorizer: what it is shown, and what becomes of the request by its answer. */
import { plainFieldName } from "#model";
import type { ExternalCheck } from "#policy";
import type { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import type { Authorization, Authorizer, CheckedHttp, CheckedRequest } from "../authorizer.ts";
import { CONNECTION, isPassed, SET_FOR_APP } from "../fields.ts";
import type { HeldBytes } from "../held-bytes.ts";
import type { LocalDetail } from "../local-reply.ts";
import type { InboundPeer } from "./peer.ts";

type Allowed = Extract<Authorization, { kind: "allowed" }>;

/** Held until the authorizer has seen what it is to see. */
export interface OpenCheck {
  readonly check: ExternalCheck;
  readonly authorizer: Authorizer;
  readonly isBytes: boolean;
  readonly abort: AbortController;
  isAsked: boolean;
}

/** Whether there is as much of the body as the authorizer is to see. `isWhole`: no more will come. */
export function isBodyReady(
  { authorizer, isBytes }: OpenCheck,
  held: HeldBytes | undefined,
  isWhole: boolean,
): boolean {
  const { body } = authorizer;
  return isWhole || isBytes || body === undefined || (held?.length ?? 0) > body.bytesMax;
}

export function isBodyTooLong({ authorizer, isBytes }: OpenCheck, held: HeldBytes | undefined): boolean {
  const { body } = authorizer;
  return body !== undefined && !isBytes && !body.isPartialAllowed && (held?.length ?? 0) > body.bytesMax;
}

export interface AskedAbout {
  readonly record: RequestRecord;
  readonly fields: FieldList;
  readonly held: HeldBytes | undefined;
}

export function checkedRequest(
  { authorizer, isBytes }: OpenCheck,
  peer: InboundPeer,
  asked: AskedAbout,
): CheckedRequest {
  const { app, context, source } = peer;
  return {
    source,
    destination: {
      spiffeId: context.identity.spiffeId.uri,
      address: app.options.address,
      port: app.options.port,
    },
    receivedMs: asked.record.receivedUs / 1000,
    http: isBytes ? undefined : checkedHttp(authorizer, asked),
  };
}

function checkedHttp({ body: shown }: Authorizer, { record, fields, held }: AskedAbout): CheckedHttp {
  const whole = shown === undefined ? undefined : Buffer.concat(held?.parts() ?? []);
  return {
    id: fieldValue(fields, "x-request-id") ?? record.traceId,
    method: record.method,
    path: record.path,
    authority: record.authority,
    fields: shownFields(fields),
    body: whole?.subarray(0, shown?.bytesMax),
    isPartial: whole !== undefined && whole.length > (shown?.bytesMax ?? 0),
  };
}

function shownFields(fields: FieldList): FieldList {
  const shown: FieldList = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (isPassed(name, CONNECTION | SET_FOR_APP)) shown.push(name, fields[index + 1] as string);
  }
  return shown;
}

/** The request as the app gets it once the authorizer has allowed it. */
export function allowedFields(fields: FieldList, { set, added, removed }: Allowed): FieldList {
  if (set.length + added.length + removed.length === 0) return fields;
  const dropped = new Set([...removed, ...namesOf(set)].filter(isForeign).map(plainFieldName));
  const kept: FieldList = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (!dropped.has(plainFieldName(name))) kept.push(name, fields[index + 1] as string);
  }
  return [...kept, ...foreignFields(set), ...foreignFields(added)];
}

/** The caller's answer in the authorizer's words, as far as they make one. */
export function denialOf({ status, fields, body }: Extract<Authorization, { kind: "denied" }>): LocalDetail {
  const isRefusal = status >= 300 && status <= 599 && status !== NOT_MODIFIED;
  const said = { status: isRefusal ? status : FORBIDDEN, fields: foreignFields(fields) };
  return body === "" ? said : { ...said, body };
}

const FORBIDDEN = 403;
/** A body must not follow it. */
const NOT_MODIFIED = 304;

/** What an authorizer may say to the caller or the app: no field that frames a message, or that the agents write themselves. */
export function foreignFields(fields: FieldList): FieldList {
  const kept: FieldList = [];
  for (let index = 0; index < fields.length; index += 2) {
    const [name = "", value = ""] = [fields[index]?.toLowerCase(), fields[index + 1]];
    if (isForeign(name) && isFieldValue(value)) kept.push(name, value);
  }
  return kept;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** Beside what belongs to a connection. */
const FRAMING: ReadonlySet<string> = new Set(["content-length", "server", "date"]);

function isForeign(name: string): boolean {
  return TOKEN.test(name) && !FRAMING.has(name) && isPassed(name, CONNECTION | SET_FOR_APP);
}

/** RFC 9110 §5.5: nothing that could end a field. */
function isFieldValue(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
  return !/[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(value);
}

function namesOf(fields: FieldList): readonly string[] {
  return fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
}

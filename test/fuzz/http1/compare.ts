/** Whether llhttp reads a message as we do. */
import { type FieldList, fieldValue, isSwitchable } from "#wire/fields";
import type { RequestHead, ResponseHead } from "#wire/http1";
import type { LlhttpMessage } from "../llhttp/client.ts";
import type { Message } from "./read.ts";

/** What two readings of a message differ in, or undefined. */
export function differenceOfRequests(ours: Message<RequestHead>, theirs: LlhttpMessage): string | undefined {
  const { head } = ours;
  return (
    differs("method", head.method, theirs.method) ??
    differenceOfTargets(head, theirs.target) ??
    differs("minor version", head.minor, theirs.minor) ??
    differenceOfFields("field", head.fields, theirs.fields) ??
    differenceOfPersistence(head.keepAlive, theirs.keepAlive) ??
    differs("upgrade", switches(head), theirs.upgrade && asksToSwitch(head)) ??
    differenceOfBodies(ours, theirs)
  );
}

export function differenceOfResponses(ours: Message<ResponseHead>, theirs: LlhttpMessage): string | undefined {
  const { head } = ours;
  // llhttp judges this before it learns that the answered method leaves no body.
  const isBodiless = head.framing.kind === "none" && fieldValue(head.fields, "content-length") === undefined;
  return (
    differs("status", head.status, theirs.status) ??
    differs("minor version", head.minor, theirs.minor) ??
    differenceOfFields("field", head.fields, theirs.fields) ??
    differenceOfPersistence(head.keepAlive && !isBodiless, theirs.keepAlive) ??
    differenceOfBodies(ours, theirs)
  );
}

function differs(what: string, ours: unknown, theirs: unknown): string | undefined {
  return ours === theirs ? undefined : `${what}: ours ${JSON.stringify(ours)}, llhttp's ${JSON.stringify(theirs)}`;
}

function switches(head: RequestHead): boolean {
  return head.upgrade !== "" || head.method === "CONNECT";
}

/** Other upgrades are ignored (RFC 9110 §7.8); llhttp would heed them, but they are not passed on. */
function asksToSwitch({ method, minor, framing, fields }: RequestHead): boolean {
  const isHeeded = method === "GET" && minor === 1 && framing.kind === "none";
  const names = fields.filter((_, index) => index % 2 === 0);
  const protocol = fields[names.lastIndexOf("upgrade") * 2 + 1] ?? "";
  return method === "CONNECT" || (isHeeded && isSwitchable(protocol));
}

/** Closing where llhttp would go on loses a connection and nothing else: it overlooks `close` before a tab. */
function differenceOfPersistence(ours: boolean, theirs: boolean): string | undefined {
  return ours && !theirs ? "keep-alive: ours goes on where llhttp closes" : undefined;
}

/** Ours is the origin form; the authority of an absolute form stands apart. */
function differenceOfTargets(head: RequestHead, theirs: string): string | undefined {
  const isAbsolute = head.method !== "CONNECT" && /^https?:/i.test(theirs);
  if (!isAbsolute) return differs("target", head.target, theirs);
  const [, , ...rest] = theirs.split("/");
  const authority = (rest[0] ?? "").split("?")[0] ?? "";
  const path = rest.join("/").slice(authority.length);
  return differs("authority", head.authority, authority) ?? differs("target", head.target, originForm(head, path));
}

/** OPTIONS of a host alone asks about the server as a whole (RFC 9112 §3.2.4). */
function originForm({ method }: RequestHead, path: string): string {
  if (method === "OPTIONS" && path === "") return "*";
  return path.startsWith("/") ? path : `/${path}`;
}

function differenceOfFields(what: string, ours: FieldList, theirs: FieldList): string | undefined {
  if (ours.length !== theirs.length) return differs(`${what}s`, ours, theirs);
  for (let index = 0; index < ours.length; index++) {
    const text = theirs[index] as string;
    const found = differs(what, ours[index], index % 2 === 0 ? text.toLowerCase() : text);
    if (found !== undefined) return found;
  }
  return undefined;
}

function differenceOfBodies<Head>(ours: Message<Head>, theirs: LlhttpMessage): string | undefined {
  if (!ours.isWhole) return undefined;
  return (
    differs("whole", true, theirs.isWhole) ??
    differs("body", ours.body, theirs.body) ??
    differenceOfFields("trailer", ours.trailers, theirs.trailers)
  );
}

/** A request as its rule changes it before it is sent, and its answer as it changes that. */
import { changedFields, changedTarget, type RouteBackendRule, type RouteEntry } from "#routing";
import type { FieldList } from "#wire/fields";
import type { AskedRequest } from "../fields.ts";
import { EXPECTED_TIMEOUT } from "../patience.ts";

export function routedRequest(
  asked: AskedRequest,
  { rule, prefix }: RouteEntry,
  backend: RouteBackendRule | undefined,
): AskedRequest {
  const { rewrite } = rule;
  let fields = asked.fields;
  if (rule.requestHeaders !== undefined) fields = changedFields(fields, rule.requestHeaders);
  if (backend?.requestHeaders !== undefined) fields = changedFields(fields, backend.requestHeaders);
  const limitMs = expectedMs(rule);
  if (limitMs !== undefined)
    fields = changedFields(fields, { set: [{ name: EXPECTED_TIMEOUT, value: String(limitMs) }], add: [], remove: [] });
  return {
    ...asked,
    fields,
    target: rewrite?.path === undefined ? asked.target : changedTarget(asked.target, rewrite.path, prefix),
    authority: rewrite?.hostname ?? asked.authority,
  };
}

/** The other side is told how long is waited for it, so that it neither gives up earlier nor works on in vain. */
function expectedMs({ attemptTimeoutMs = 0, requestTimeoutMs }: RouteEntry["rule"]): number | undefined {
  return attemptTimeoutMs > 0 ? attemptTimeoutMs : requestTimeoutMs;
}

export function routedAnswer(
  fields: FieldList,
  { entry, backend }: { readonly entry: RouteEntry | undefined; readonly backend: RouteBackendRule | undefined },
): FieldList {
  const changes = [backend?.responseHeaders, entry?.rule.responseHeaders];
  return changes.reduce((changed, change) => (change === undefined ? changed : changedFields(changed, change)), fields);
}

/** What the app is told of a verified token, in headers that only this agent may write. */
import type { TokenOutputs } from "#model";
import type { CompactToken } from "./compact-token.ts";

/** Longer values are left out, so that an app's limit on its head is not passed by what its caller did not send. */
const VALUE_CHARS_MAX = 4096;

/** Name, value, name, value. A claim that is absent, or that no header could carry as it is, has none. */
export function outputFields(
  { payloadHeader, claimHeaders }: TokenOutputs,
  { claims, payload }: Pick<CompactToken, "claims" | "payload">,
): readonly string[] {
  const fields = payloadHeader === "" ? [] : [payloadHeader, payload];
  for (const { header, claim } of claimHeaders) {
    const value = textOf(claimAt(claims, claim.split(".")));
    if (value !== undefined) fields.push(header, value);
  }
  return fields;
}

function claimAt(claims: unknown, path: readonly string[]): unknown {
  let value = claims;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** As Envoy writes claims: primitives as they are, everything else as JSON in base64url. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = typeof value === "object" ? base64UrlOf(JSON.stringify(value)) : String(value);
  // A field's value is visible ASCII with single spaces inside: anything else could end the field, or be read differently.
  const isFieldValue = /^[!-~]+(?: [!-~]+)*$/.test(text) && text.length <= VALUE_CHARS_MAX;
  return isFieldValue ? text : undefined;
}

function base64UrlOf(text: string): string {
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The parts that all route kinds share, as users write them. */
import { z } from "zod";
import { compilePattern, type HeaderModifier } from "#model";
import { DURATION_FORM, label, port } from "./fields.ts";

const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_|~]+$/;
const HOSTNAME = /^(?:\*\.)?[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Gateway API's Duration (GEP-2257): `1h30m`, `500ms`, `0s` → milliseconds. */
export const routeDuration = z
  .string()
  .regex(/^(?:\d{1,5}(?:h|ms|m|s)){1,4}$/, "must be a duration such as `500ms`, `10s` or `1h30m`")
  .describe(DURATION_FORM)
  .transform((text) => {
    const parts = [...text.matchAll(/(\d+)(h|ms|m|s)/g)];
    return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS_MS[unit ?? ""] ?? 0), 0);
  });

/** An HTTP field name, in lower case from here on. */
export const fieldName = z
  .string()
  .max(256)
  .regex(TOKEN, "must be a field name (RFC 9110 §5.6.2)")
  .transform((name) => name.toLowerCase());

export const fieldValue = z
  .string()
  .max(4096)
  .regex(/^[\t\x20-\x7e\x80-\uffff]*$/, "must be a field value without control characters");

export const hostname = z
  .string()
  .max(253)
  .regex(HOSTNAME, "must be a DNS name in lower case, or one whose first label is `*`");

const preciseHostname = hostname.refine((name) => !name.startsWith("*"), "must be a whole DNS name");

export const path = z
  .string()
  .max(1024)
  .regex(/^\/[\x21-\x7e]*$/, "must be a path that begins with `/`");

interface Typed {
  readonly type?: string | undefined;
  readonly value: string;
}

/** Says of a pattern that cannot be used why, where it stands. */
export function checkPattern({ type, value }: Typed, context: z.RefinementCtx): void {
  if (type !== "RegularExpression") return;
  const compiled = compilePattern(value);
  if (!compiled.ok) context.addIssue({ code: "custom", path: ["value"], message: compiled.problems[0].message });
}

export const sectionName = z.string().max(253).default("");

export const parentRef = z.strictObject({
  group: z.string().default("gateway.networking.k8s.io"),
  kind: z.string().default("Gateway"),
  namespace: label.optional(),
  name: z.string().min(1).max(253),
  sectionName: z.never("is not supported: a Service has no sections; use `port`").optional(),
  port: port.optional(),
});

const backendObject = {
  group: z.string().default(""),
  kind: z.string().default("Service"),
  namespace: label.optional(),
  name: z.string().min(1).max(253),
  port: port.optional(),
};

const backendObjectRef = z.strictObject(backendObject);

export const backendRef = z.strictObject({ ...backendObject, weight: z.int().min(0).max(1_000_000).default(1) });

const headerValue = z.strictObject({ name: fieldName, value: fieldValue });

/** Fields that say who somebody is or where a message ends: no route may write them. */
const RESERVED =
  /^(?:connection|content-length|host|keep-alive|te|transfer-encoding|upgrade|x-forwarded-client-cert|x-heddle-.*)$/;

const changedHeaders = z.array(headerValue).max(16).default([]);

/** Whether callers' own values of this field do not reach the app. */
export function isReservedField(name: string): boolean {
  return RESERVED.test(name);
}

const headerModifier = z
  .strictObject({ set: changedHeaders, add: changedHeaders, remove: z.array(fieldName).max(16).default([]) })
  .superRefine((change, context) => {
    for (const name of [...change.set, ...change.add].map((each) => each.name).concat(change.remove))
      if (isReservedField(name))
        context.addIssue({ code: "custom", message: `\`${name}\` cannot be changed by a route` });
  });

const pathModifier = z
  .strictObject({
    type: z.enum(["ReplaceFullPath", "ReplacePrefixMatch"]),
    replaceFullPath: path.optional(),
    replacePrefixMatch: z.union([path, z.literal("")]).optional(),
  })
  .transform(({ type, replaceFullPath, replacePrefixMatch }, context) => {
    const value = type === "ReplaceFullPath" ? replaceFullPath : replacePrefixMatch;
    const field = type === "ReplaceFullPath" ? "replaceFullPath" : "replacePrefixMatch";
    if (value === undefined) context.addIssue({ code: "custom", path: [field], message: `must be given for ${type}` });
    return { type, value: value ?? "" };
  });

const redirect = z.strictObject({
  scheme: z.enum(["http", "https"]).optional(),
  hostname: preciseHostname.optional(),
  path: pathModifier.optional(),
  port: port.optional(),
  statusCode: z.union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)]).default(302),
});

const rewrite = z.strictObject({ hostname: preciseHostname.optional(), path: pathModifier.optional() });

const mirror = z
  .strictObject({
    backendRef: backendObjectRef,
    percent: z.int().min(0).max(100).optional(),
    fraction: z.strictObject({ numerator: z.int().min(0), denominator: z.int().min(1).default(100) }).optional(),
  })
  .refine(
    ({ percent, fraction }) => percent === undefined || fraction === undefined,
    "has both `percent` and `fraction`",
  )
  .refine(
    ({ fraction }) => fraction === undefined || fraction.numerator <= fraction.denominator,
    "has a fraction above 1",
  )
  .transform(({ backendRef: backend, percent, fraction }) => ({
    backend: { ...backend, weight: 1 },
    share: fraction === undefined ? (percent ?? 100) / 100 : fraction.numerator / fraction.denominator,
  }));

/** Of the kinds that a rule may be extended by there is one. */
const extension = z.strictObject({
  group: z.literal("heddle.dev"),
  kind: z.literal("RequestPolicy"),
  name: z.string().min(1).max(253),
});

const FIELD_OF_TYPE = {
  RequestHeaderModifier: "requestHeaderModifier",
  ResponseHeaderModifier: "responseHeaderModifier",
  RequestRedirect: "requestRedirect",
  URLRewrite: "urlRewrite",
  RequestMirror: "requestMirror",
  ExtensionRef: "extensionRef",
} as const;

type FilterType = keyof typeof FIELD_OF_TYPE;

const filterParts = z.strictObject({
  type: z.enum(Object.keys(FIELD_OF_TYPE) as [FilterType, ...FilterType[]]),
  requestHeaderModifier: headerModifier.optional(),
  responseHeaderModifier: headerModifier.optional(),
  requestRedirect: redirect.optional(),
  urlRewrite: rewrite.optional(),
  requestMirror: mirror.optional(),
  extensionRef: extension.optional(),
});

/** A filter as it is written, but for the namespaces of its references, which are the route's unless they say otherwise. */
export type ParsedFilter =
  | { readonly type: "RequestHeaderModifier" | "ResponseHeaderModifier"; readonly change: HeaderModifier }
  | { readonly type: "RequestRedirect"; readonly redirect: z.output<typeof redirect> }
  | { readonly type: "URLRewrite"; readonly rewrite: z.output<typeof rewrite> }
  | { readonly type: "RequestMirror"; readonly mirror: z.output<typeof mirror> }
  | { readonly type: "ExtensionRef"; readonly name: string };

/** A filter has the one field that its type names, and no other. */
const filter = filterParts.transform((parts, context): ParsedFilter => {
  const field = FIELD_OF_TYPE[parts.type];
  for (const [name, value] of Object.entries(parts))
    if (name !== "type" && name !== field && value !== undefined)
      context.addIssue({ code: "custom", path: [name], message: `does not belong to a filter of type ${parts.type}` });
  const parsed = filterOf(parts);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", path: [field], message: `must be given for ${parts.type}` });
  return z.NEVER;
});

function filterOf(parts: z.output<typeof filterParts>): ParsedFilter | undefined {
  const {
    type,
    requestHeaderModifier,
    responseHeaderModifier,
    requestRedirect,
    urlRewrite,
    requestMirror,
    extensionRef,
  } = parts;
  switch (type) {
    case "RequestHeaderModifier":
      return requestHeaderModifier && { type, change: requestHeaderModifier };
    case "ResponseHeaderModifier":
      return responseHeaderModifier && { type, change: responseHeaderModifier };
    case "RequestRedirect":
      return requestRedirect && { type, redirect: requestRedirect };
    case "URLRewrite":
      return urlRewrite && { type, rewrite: urlRewrite };
    case "RequestMirror":
      return requestMirror && { type, mirror: requestMirror };
    case "ExtensionRef":
      return extensionRef && { type, name: extensionRef.name };
  }
}

/** Filters of a rule or a backend: each type once, except mirrors; a redirect and a rewrite exclude each other. */
export const filters = z
  .array(filter)
  .max(16)
  .default([])
  .superRefine((list, context) => {
    const types = list.map((each) => each.type);
    const repeated = types.find((type, index) => type !== "RequestMirror" && types.indexOf(type) !== index);
    if (repeated !== undefined) context.addIssue({ code: "custom", message: `has ${repeated} twice` });
    if (types.includes("RequestRedirect") && types.includes("URLRewrite"))
      context.addIssue({
        code: "custom",
        message: "has both RequestRedirect and URLRewrite; a request is either sent away or on",
      });
  });

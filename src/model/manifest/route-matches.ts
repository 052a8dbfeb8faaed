/** What a rule of a route matches, as users write it. */
import { z } from "zod";
import { checkPattern, fieldName, fieldValue, path } from "./route-fields.ts";

const MATCHES_MAX = 64;

const matchType = z.enum(["Exact", "RegularExpression"]).default("Exact");
const headerMatch = z.strictObject({ type: matchType, name: fieldName, value: fieldValue }).superRefine(checkPattern);
const headerMatches = z.array(headerMatch).max(16).default([]);

const queryMatch = z
  .strictObject({ type: matchType, name: z.string().min(1).max(256), value: z.string().max(1024) })
  .superRefine(checkPattern);

const pathMatch = z
  .strictObject({
    type: z.enum(["Exact", "PathPrefix", "RegularExpression"]).default("PathPrefix"),
    value: z.string().max(1024).default("/"),
  })
  .superRefine(checkPattern)
  .superRefine(({ type, value }, context) => {
    const parsed = path.safeParse(value);
    if (type !== "RegularExpression" && !parsed.success)
      context.addIssue({ code: "custom", path: ["value"], message: "must be a path that begins with `/`" });
  });

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] as const;
const ANY_PATH = { type: "PathPrefix", value: "/" } as const;

const httpMatch = z.strictObject({
  path: pathMatch.default(ANY_PATH),
  headers: headerMatches,
  queryParams: z.array(queryMatch).max(16).default([]),
  method: z.enum(METHODS).optional(),
});

const ANY_MATCH = [{ path: ANY_PATH, headers: [], queryParams: [], method: undefined }];

/** No matches match every request. */
export const httpMatches = z
  .array(httpMatch)
  .max(MATCHES_MAX)
  .default(ANY_MATCH)
  .transform((matches) => (matches.length === 0 ? ANY_MATCH : matches.map(withMethod)));

function withMethod({ method, ...match }: z.output<typeof httpMatch>) {
  return { ...match, method };
}

const methodMatch = z
  .strictObject({ type: matchType, service: z.string().max(1024).optional(), method: z.string().max(1024).optional() })
  .refine(({ service, method }) => (service ?? method ?? "") !== "", "must name a `service`, a `method` or both")
  .superRefine(({ type, service = "", method = "" }, context) => {
    checkPattern({ type, value: service }, context);
    checkPattern({ type, value: method }, context);
  });

export const grpcMatches = z
  .array(z.strictObject({ method: methodMatch.optional(), headers: headerMatches }))
  .max(MATCHES_MAX)
  .default([])
  .transform((matches) => matches.map(({ method, headers }) => ({ method: method && withBoth(method), headers })));

function withBoth({ type, service, method }: z.output<typeof methodMatch>) {
  return { type, service: service || undefined, method: method || undefined };
}

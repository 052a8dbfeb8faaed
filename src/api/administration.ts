import { z } from "zod";
import { ADMIN_VERBS, DNS_LABEL } from "#model";

const TTL_MAX_S = 366 * 86_400;
const label = z.string().regex(DNS_LABEL);
const verbs = z.array(z.enum(ADMIN_VERBS)).max(ADMIN_VERBS.length);

export const apiTokenBodySchema = z.object({
  namespace: label,
  name: label,
  /** What it may do in its namespace and below, beside what roles give it. */
  verbs: verbs.default([]),
  ttlSeconds: z
    .number()
    .int()
    .min(60)
    .max(TTL_MAX_S)
    .default(90 * 86_400),
});
const apiTokenSchema = z.object({
  id: z.string(),
  namespace: z.string(),
  name: z.string(),
  verbs,
  createdBy: z.string(),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
});
/** `token` is shown this once. */
export const madeApiTokenSchema = apiTokenSchema.extend({ token: z.string() });
export type MadeApiTokenView = z.infer<typeof madeApiTokenSchema>;
export const apiTokensSchema = z.object({ tokens: z.array(apiTokenSchema) });
export type ApiTokensView = z.infer<typeof apiTokensSchema>;

export const loginMethodsSchema = z.object({
  /** Whether people can log in by an identity provider. */
  provider: z.boolean(),
});
export const deviceLoginSchema = z.object({
  /** For the one who began it alone. */
  handle: z.string(),
  userCode: z.string(),
  verificationUri: z.string(),
  expiresInS: z.number(),
  intervalS: z.number(),
});
export type DeviceLoginView = z.infer<typeof deviceLoginSchema>;
export const devicePollBodySchema = z.object({ handle: z.string().max(128) });
export const devicePollSchema = z.union([
  z.object({ state: z.literal("waiting") }),
  z.object({ state: z.literal("done"), actor: z.string(), token: z.string(), expiresAtMs: z.number() }),
]);
export type DevicePollView = z.infer<typeof devicePollSchema>;

export const whoamiSchema = z.object({
  actor: z.string(),
  grants: z.array(z.object({ verbs, namespace: z.string() })),
});
export type WhoamiView = z.infer<typeof whoamiSchema>;

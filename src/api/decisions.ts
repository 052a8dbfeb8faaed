import { z } from "zod";
import { parseDurationMs } from "./observe.ts";

const DAY_MS = 86_400_000;

/** A length of time for which decisions are recorded, such as `30m`, `6h` or `7d`. */
export const sinceSchema = z
  .string()
  .regex(/^\d{1,5}[smhd]$/, "Write a length of time such as `30m`, `6h` or `7d`.")
  .refine((text) => sinceMs(text) >= 1000 && sinceMs(text) <= 8 * DAY_MS, "From 1s to 8d.");

/** The ms of a text that `sinceSchema` accepts. */
export function sinceMs(text: string): number {
  return text.endsWith("d") ? Number(text.slice(0, -1)) * DAY_MS : parseDurationMs(text);
}

export const decisionsQuerySchema = z.object({
  since: sinceSchema.default("7d"),
  /** A node of the map, `namespace/name` or its last part. */
  source: z.string().max(600).optional(),
  destination: z.string().max(600).optional(),
  verdict: z.enum(["allow", "deny"]).optional(),
  limit: z.coerce.number().int().min(1).max(50_000).default(1000),
});

const verdict = z.enum(["allow", "deny"]);

/** Requests of one caller that are alike for a policy, and what was decided of them. */
const decisionSchema = z.object({
  id: z.string().describe("the same each time; never another's"),
  source: z.string().describe("`namespace/name`, or `external`"),
  principal: z.string().describe("SPIFFE ID that the caller proved; empty without one"),
  address: z
    .string()
    .describe("of a caller without an identity; empty for others, and for those beyond what an agent tells apart"),
  destination: z.string().describe("`namespace/name`"),
  workload: z.string().describe("`namespace/service-account` of the destination"),
  version: z.string(),
  protocol: z.enum(["http", "grpc", "tcp"]),
  mtls: z.boolean(),
  port: z.number().describe("of the app; 0 when not known"),
  detail: z.enum(["whole", "prefix", "caller"]).describe("how much of the request is told"),
  method: z.string(),
  path: z
    .string()
    .describe("with `{*}` for a segment that differs from request to request, `*` at the end for all that follows"),
  host: z.string(),
  token: z.enum(["unread", "none", "verified", "refused"]),
  issuer: z.string().describe("of the request's principal"),
  verdict,
  external: z.boolean().describe("an external authorizer denied, or could not be asked"),
  policy: z.string().describe("what decided"),
  rule: z.number(),
  observedVerdict: z.enum(["none", "allow", "deny"]),
  observedPolicy: z.string(),
  count: z.number(),
  firstSeenMs: z.number(),
  lastSeenMs: z.number(),
  notRecorded: z.array(z.string()).describe("attributes of which a policy may ask, and which were not recorded"),
});
export type DecisionView = z.infer<typeof decisionSchema>;

export const decisionsSchema = z.object({
  fromMs: z.number(),
  recordedFromMs: z.number().nullable().describe("since when decisions are kept; null when there are none"),
  unrecorded: z.number().describe("decisions that found no row at their agents: nothing else is known of them"),
  decisions: z.array(decisionSchema),
  more: z.number().describe("found, and beyond the limit"),
});
export type DecisionsView = z.infer<typeof decisionsSchema>;

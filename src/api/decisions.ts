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

/** A change that is not made: files laid over what there is, and what is deleted. */
export const simulateBodySchema = z.object({
  files: z.array(z.object({ file: z.string().max(4096), text: z.string() })).max(1000),
  deletes: z
    .array(z.object({ kind: z.string().max(64), namespace: z.string().max(253), name: z.string().max(253) }))
    .max(1000)
    .default([]),
  since: sinceSchema.default("7d"),
  limit: z.number().int().min(1).max(5000).default(500),
});

/** Requests of one caller that are alike. */
const replayedSchema = decisionSchema
  .pick({ source: true, principal: true, address: true, destination: true, protocol: true, port: true, method: true })
  .extend({
    path: decisionSchema.shape.path,
    host: decisionSchema.shape.host,
    sourceOwner: z.string().describe("of the caller's service or namespace; empty when nobody is named"),
    destinationOwner: z.string(),
    count: z.number(),
    firstSeenMs: z.number(),
    lastSeenMs: z.number(),
  });

export const simulationSchema = z.object({
  fromMs: z.number(),
  recordedFromMs: z.number().nullable().describe("since when decisions are kept; null when there are none"),
  replayed: z.number().describe("kinds of request that were decided again"),
  requests: z.number().describe("how often they came"),
  newlyDenied: z.number().describe("requests among them that would be denied and were not"),
  newlyAllowed: z.number(),
  flips: z.array(
    replayedSchema.extend({
      to: verdict,
      by: z.string().describe("what would decide"),
      rule: z.number(),
      basis: z.enum(["replay", "recorded"]).describe("`recorded`: compared with what was decided then"),
    }),
  ),
  undecided: z
    .array(replayedSchema.extend({ missing: z.array(z.string()) }))
    .describe("may flip: that depends on what was not recorded"),
  undecidedRequests: z.number(),
  /** Beyond the limit, and of namespaces that the asker may not view. */
  more: z.object({ flips: z.number(), undecided: z.number(), hidden: z.number() }),
  notes: z.array(z.string()).describe("what else could not be known"),
});
export type SimulationView = z.infer<typeof simulationSchema>;
export type FlipView = SimulationView["flips"][number];

import { z } from "zod";
import { CAUSES } from "#diagnosis";

/** A length of time in a query, such as `30s`, `5m`, `500ms` or `2h`, in ms; at most a day. */
export const durationSchema = z
  .string()
  .regex(/^\d{1,7}(?:ms|s|m|h)$/, "Write a length of time such as `30s`, `5m` or `1h`.")
  .refine((text) => parseDurationMs(text) >= 1000 && parseDurationMs(text) <= 86_400_000, "From 1s to 24h.");

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The ms of a text that `durationSchema` accepts; 0 for any other. */
export function parseDurationMs(text: string): number {
  const match = /^(\d{1,7})(ms|s|m|h)$/.exec(text);
  return match === null ? 0 : Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
}

const quantiles = z.object({ p50Ms: z.number(), p99Ms: z.number() });

/** The live map: who calls whom, how much, how well, and whether both ends proved who they are. */
export const graphViewSchema = z.object({
  generatedAtMs: z.number(),
  windowMs: z.number(),
  nodes: z.array(
    z.object({
      id: z.string().describe("`namespace/name`, or `external`"),
      namespace: z.string(),
      name: z.string(),
      role: z.enum(["service", "gateway", "load-balancer", "external"]),
      replicas: z.array(z.object({ instance: z.string(), ready: z.boolean(), svidNotAfterMs: z.number() })),
    }),
  ),
  edges: z.array(
    z.object({
      source: z.string(),
      destination: z.string(),
      mtls: z.boolean().describe("both ends reported the edge and saw the other prove its identity"),
      requests: z.number(),
      requestsPerSecond: z.number(),
      successRate: z.number().nullable().describe("0…1; null without requests"),
      fromSource: quantiles.nullable(),
      fromDestination: quantiles.nullable(),
      denied: z.number(),
      denyPolicies: z.array(z.string()),
    }),
  ),
});
export type GraphView = z.infer<typeof graphViewSchema>;

/** Who calls the mesh without TLS: what is left to move before a workload's peers can be STRICT. */
export const plaintextViewSchema = z.object({
  generatedAtMs: z.number(),
  windowMs: z.number(),
  callers: z.array(
    z.object({
      address: z.string().describe("of the caller; empty for those beyond what an agent tells apart"),
      destination: z.string(),
      requests: z.number().describe("and connections of bytes without HTTP, once each has ended"),
      lastSeenMs: z.number().describe("to the second; to the minute after a while"),
    }),
  ),
});
export type PlaintextView = z.infer<typeof plaintextViewSchema>;

const span = z.object({ fromMs: z.number(), toMs: z.number() });
const cause = z.enum(CAUSES);

/** The answer to `why`: where a bad experience comes from. */
export const whyReportSchema = z.object({
  service: z.string(),
  window: span,
  baseline: span,
  status: z.enum(["culprit", "healthy", "insufficient-data"]),
  summary: z.string(),
  latency: z.object({ baselineMs: z.number(), currentMs: z.number() }),
  errorRate: z.object({ baseline: z.number(), current: z.number() }),
  hops: z.array(z.object({ hop: z.string(), cause, baselineMs: z.number(), currentMs: z.number() })),
  culprits: z.array(
    z.object({
      hop: z.string(),
      cause,
      share: z.number().describe("part of the degradation, 0…1"),
      confidence: z.number().describe("0…1"),
      summary: z.string(),
      evidence: z.array(z.string()),
      next: z.string(),
    }),
  ),
  changes: z.array(z.object({ atMs: z.number(), what: z.string() })),
});
export type WhyView = z.infer<typeof whyReportSchema>;

/** One request as one side saw it, with the decision. */
export const flowViewSchema = z.object({
  id: z.string().describe("16 hexadecimal digits, its span's; one side's, the other side's report has another"),
  atMs: z.number(),
  reporter: z.enum(["source", "destination"]),
  source: z.string(),
  sourceInstance: z.string(),
  destination: z.string(),
  destinationInstance: z.string(),
  principal: z.string().describe("SPIFFE ID of the caller; empty when it proved none"),
  mtls: z.boolean(),
  method: z.string(),
  path: z.string(),
  status: z.number(),
  endReason: z.string(),
  verdict: z.enum(["none", "allow", "deny"]),
  policy: z.string(),
  rule: z.number().describe("index of the deciding rule in its policy, or -1"),
  observedVerdict: z
    .enum(["none", "allow", "deny"])
    .describe("what it would have been with the policies in observe mode enforced; `none` when there are none"),
  observedPolicy: z.string(),
  audits: z.array(z.string()).describe("AUDIT policies that it met"),
  durationMs: z.number(),
  traceId: z.string(),
});
export type FlowView = z.infer<typeof flowViewSchema>;
export const flowsViewSchema = z.object({ flows: z.array(flowViewSchema) });

/** One call inside a trace: both sides joined, its time split at the stamps. `null` where a side is missing. */
export const callViewSchema = z.object({
  depth: z.number(),
  source: z.string(),
  destination: z.string(),
  instance: z.string(),
  method: z.string(),
  path: z.string(),
  status: z.number(),
  endReason: z.string(),
  startMs: z.number().describe("since the trace's start"),
  durationMs: z.number(),
  clientAgentMs: z.number().nullable(),
  transitMs: z.number().nullable(),
  serverAgentMs: z.number().nullable(),
  appMs: z.number().nullable().describe("in the program, including the calls that it made"),
  confidence: z
    .number()
    .nullable()
    .describe(
      "0 to 1: how likely it was made for the call above, where timing alone says so; null where identifiers do",
    ),
});
export type CallView = z.infer<typeof callViewSchema>;
export const traceViewSchema = z.object({
  traceId: z.string(),
  atMs: z.number(),
  durationMs: z.number(),
  entry: z.string(),
  failed: z.boolean(),
  calls: z.array(callViewSchema),
});
export type TraceView = z.infer<typeof traceViewSchema>;
export const tracesViewSchema = z.object({ traces: z.array(traceViewSchema.omit({ calls: true })) });
export type TracesView = z.infer<typeof tracesViewSchema>;

export const eventsViewSchema = z.object({
  events: z.array(z.object({ atMs: z.number(), instance: z.string(), kind: z.string(), detail: z.string() })),
  refusals: z.array(
    z.object({
      atMs: z.number(),
      instance: z.string(),
      reason: z.string(),
      peerAddress: z.string(),
      presented: z.string(),
      localPort: z.number(),
      count: z.number(),
    }),
  ),
});
export type EventsView = z.infer<typeof eventsViewSchema>;

export const graphQuerySchema = z.object({ window: durationSchema.default("30s") });
export const plaintextQuerySchema = z.object({ window: durationSchema.default("24h") });
export const whyQuerySchema = z.object({
  service: z.string().regex(/^[^/\s]{1,63}\/[^/\s]{1,63}$/, "Name the service as `namespace/name`."),
  window: durationSchema.default("30s"),
  baseline: durationSchema.optional().describe("length of the span to compare with; the window's by default"),
});
const limit = z.coerce.number().int().min(1).max(1000).default(100);
export const flowsQuerySchema = z.object({
  window: durationSchema.default("5m"),
  since: z.coerce.number().optional().describe("ms since the epoch; instead of the window"),
  verdict: z.enum(["allow", "deny"]).optional(),
  source: z.string().optional(),
  destination: z.string().optional(),
  limit,
});
export const tracesQuerySchema = z.object({
  window: durationSchema.default("5m"),
  service: z.string().optional(),
  failed: z.enum(["true", "false"]).optional(),
  order: z.enum(["newest", "slowest"]).default("newest"),
  limit: z.coerce.number().int().min(1).max(200).default(20),
});
export const eventsQuerySchema = z.object({ window: durationSchema.default("10m"), limit });

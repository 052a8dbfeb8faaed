import { z } from "zod";
import { sinceSchema } from "./decisions.ts";

const TEXT_MAX = 2 * 1024 * 1024;
const FILES_MAX = 500;

/** Files of resources, applied all or nothing. */
export const applyBodySchema = z.object({
  files: z
    .array(z.object({ file: z.string().max(1000), text: z.string().max(TEXT_MAX) }))
    .min(1)
    .max(FILES_MAX),
  dryRun: z.boolean().default(false),
  /** Refuse what would newly deny requests that were seen in the time, and, unless that is allowed, what cannot be known. */
  guard: z
    .object({ since: sinceSchema.default("7d"), allow: z.enum(["nothing", "undecided"]).default("nothing") })
    .optional(),
});

export const changeSchema = z.object({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  action: z.enum(["created", "updated", "deleted", "unchanged"]),
  /** The resource as YAML, before and after; empty where there is none. */
  before: z.string(),
  after: z.string(),
});

export const appliedSchema = z.object({ revision: z.number(), changes: z.array(changeSchema) });
export type AppliedView = z.infer<typeof appliedSchema>;

export const resourcesQuerySchema = z.object({ kind: z.string().optional(), namespace: z.string().optional() });
/** Resources in the form in which users write them. */
export const resourcesSchema = z.object({
  revision: z.number(),
  resources: z.array(z.record(z.string(), z.unknown())),
});
export type ResourcesView = z.infer<typeof resourcesSchema>;

export const refParamsSchema = z.object({ kind: z.string(), name: z.string() });
export const refQuerySchema = z.object({ namespace: z.string().default("default") });
export const deleteQuerySchema = refQuerySchema.extend({
  /** As `guard` of what is applied: its `since`; absent, nothing is guarded. */
  guard: sinceSchema.optional(),
  allow: z.enum(["nothing", "undecided"]).default("nothing"),
});

export const historyQuerySchema = z.object({
  kind: z.string().optional(),
  namespace: z.string().default("default"),
  name: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
});
export const historySchema = z.object({
  changes: z.array(changeSchema.extend({ revision: z.number(), atMs: z.number(), actor: z.string() })),
});
export type HistoryView = z.infer<typeof historySchema>;

export const auditQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  /** Only entries before this one: the next page. */
  before: z.coerce.number().int().min(1).optional(),
  /** `true`: refuse rather than leave out what the caller may not see. */
  whole: z.enum(["true", "false"]).default("false"),
});
const auditEntrySchema = z.object({
  sequence: z.number(),
  atMs: z.number(),
  actor: z.string(),
  action: z.string(),
  detail: z.string(),
  namespaces: z.array(z.string()),
  previousHash: z.string(),
  hash: z.string(),
});
/** The newest first. */
export const auditSchema = z.object({
  entries: z.array(auditEntrySchema),
  /** The log's newest entry, to be kept elsewhere. */
  head: z.object({ sequence: z.number(), hash: z.string() }),
});
export type AuditView = z.infer<typeof auditSchema>;

const workloadName = z.object({ namespace: z.string(), serviceAccount: z.string() });
export const tokenBodySchema = z.object({
  /** The workloads that it is good for: any one of them, once. */
  allowed: z.array(workloadName).min(1).max(64),
  ttlSeconds: z.number().int().min(5).max(2_592_000).default(3600),
});
export const tokenSchema = z.object({ id: z.string(), token: z.string(), expiresAtMs: z.number() });
export const tokensSchema = z.object({
  tokens: z.array(
    z.object({
      id: z.string(),
      allowed: z.array(workloadName),
      createdBy: z.string(),
      createdAtMs: z.number(),
      expiresAtMs: z.number(),
      isUsed: z.boolean(),
    }),
  ),
});
export type TokensView = z.infer<typeof tokensSchema>;

export const sessionCodeSchema = z.object({ code: z.string(), expiresAtMs: z.number() });
export const sessionBodySchema = z.object({ code: z.string().max(512) });

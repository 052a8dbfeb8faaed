import { z } from "zod";
import { flowViewSchema } from "./observe.ts";

const name = z.string().min(1).max(600);

const fieldName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, "That is no name of a header field.");
const claims = z.record(z.string().min(1).max(256), z.unknown());

/** A request that somebody wonders about. What is absent is not known, unless said otherwise. */
export const explainBodySchema = z.object({
  /** `namespace/service-account`, a principal with its trust domain, or `-` for a caller without a certificate. */
  source: name,
  /** `namespace/service`. */
  destination: name,
  method: z.string().max(64).default(""),
  /** Absent: a connection of bytes that are no HTTP. */
  path: z.string().max(8192).optional(),
  host: z.string().max(255).optional(),
  /** Of the app; absent: the one that the replica announced. */
  port: z.number().int().min(1).max(65_535).optional(),
  headers: z
    .array(z.object({ name: fieldName, value: z.string().max(8192) }))
    .max(100)
    .default([]),
  /** Names of header fields that are not sent. */
  absentHeaders: z.array(fieldName).max(100).default([]),
  /** Of the verified token; with `part` it may have other claims too. */
  token: z
    .discriminatedUnion("kind", [
      z.object({ kind: z.literal("none") }),
      z.object({ kind: z.enum(["whole", "part"]), claims }),
    ])
    .optional(),
  /** Where the connection comes from. */
  sourceIp: z.string().max(64).optional(),
  /** Server name that the connection asks for. */
  sni: z.string().max(255).optional(),
});
export type ExplainBody = z.input<typeof explainBodySchema>;
export type ExplainQuestion = z.output<typeof explainBodySchema>;

const policyRef = z.object({ kind: z.string(), namespace: z.string(), name: z.string() });

const decidedSchema = z.object({
  verdict: z.enum(["allow", "deny"]),
  reason: z.string(),
  /** What decided, in the words of logs and answers. */
  label: z.string(),
  policy: policyRef.optional(),
  /** Index of the deciding rule, or -1. */
  rule: z.number(),
  /** The external authorizer that must let the request pass too, before anything else is decided. */
  external: z.object({ provider: z.string(), label: z.string(), rule: z.number() }).optional(),
});

const outcomeSchema = decidedSchema.extend({
  /** Replicas at which it is decided so. */
  instances: z.array(z.string()),
  /** Replicas of the caller of which it is so, where its own policies are not the same for all of them. */
  callers: z.array(z.string()).optional(),
  /** `depends`: what is not known makes the difference. */
  verdict: z.enum(["allow", "deny", "depends"]),
  /** What is not known and makes the difference, as policies name it; empty where the verdict is sure. */
  dependsOn: z.array(z.string()),
  /** What is not known and is looked at by some rule. */
  unknown: z.array(z.string()),
  /** Where it depends: the best that can come of it, and the worst. */
  either: z.array(decidedSchema).optional(),
  /** Verdict if what is only observed were enforced; absent when it would be the same. */
  observed: z.object({ verdict: z.enum(["allow", "deny"]), label: z.string() }).optional(),
  /** The ALLOW rule that came closest, and what of it did not hold or is not known. */
  nearestMiss: z
    .object({
      policy: policyRef.optional(),
      label: z.string(),
      rule: z.number(),
      failed: z.array(z.string()),
      unknown: z.array(z.string()),
    })
    .optional(),
  /**
   * Every policy in force there, in the order of evaluation; `rule` is -1 where none of its rules is surely met. Those of the caller about
   * what goes out come first, with the action `EGRESS`.
   */
  considered: z.array(
    z.object({
      policy: policyRef,
      label: z.string(),
      action: z.string(),
      mode: z.enum(["enforce", "observe"]),
      rule: z.number(),
      /** A rule before that one which depends on what is not known. */
      open: z.object({ rule: z.number(), unknown: z.array(z.string()) }).optional(),
    }),
  ),
  /** What else is to be known, in sentences. */
  notes: z.array(z.string()),
});

export const explanationSchema = z.object({
  principal: z.string(),
  destination: z.string(),
  outcomes: z.array(outcomeSchema),
});
export type ExplanationView = z.infer<typeof explanationSchema>;
export type OutcomeView = z.infer<typeof outcomeSchema>;

export const flowExplanationSchema = z.object({
  /** As it was recorded where it was decided. */
  flow: flowViewSchema,
  /**
   * Today's policies beside what was decided: the same by the same rule, the same by another, another verdict, or not to be said from what
   * is kept of a flow.
   */
  today: z.enum(["same", "same-by-other-rule", "differs", "unknown"]),
  /** Why `today` is what it is, in sentences. */
  notes: z.array(z.string()),
  explanation: explanationSchema,
});
export type FlowExplanationView = z.infer<typeof flowExplanationSchema>;

/** Files that are looked at as if they were applied; none: what the server has. */
export const lintBodySchema = z.object({
  files: z.array(z.object({ file: z.string().max(4096), text: z.string() })).max(1000),
});

const findingSchema = z.object({
  code: z.string(),
  severity: z.enum(["error", "warning"]),
  policy: policyRef,
  /** `Kind/namespace/name`. */
  label: z.string(),
  /** Index of the rule, or -1 for the policy as a whole. */
  rule: z.number(),
  message: z.string(),
  fix: z.string(),
});

export const lintSchema = z.object({
  /** How many policies were looked at. */
  policies: z.number(),
  findings: z.array(findingSchema),
});
export type LintView = z.infer<typeof lintSchema>;

export const matrixQuerySchema = z.object({ namespace: z.string().max(253).optional() });

const verdict = z.enum(["allow", "deny", "conditional"]);
const leftCondition = z.object({
  label: z.string(),
  rule: z.number(),
  terms: z.array(z.object({ attribute: z.string(), isNegated: z.boolean(), patterns: z.array(z.string()) })),
  /** In the Common Expression Language; "" for none. */
  expression: z.string(),
});

const cellSchema = z.object({
  caller: z.string(),
  service: z.string(),
  /** Replicas at which it is so. */
  instances: z.array(z.string()),
  verdict,
  /** The policies that decide, or what decides instead. */
  labels: z.array(z.string()),
  /** A request must meet one rule of each list. */
  only: z.array(z.array(leftCondition)),
  /** What a request that meets one of these is denied by. */
  except: z.array(leftCondition),
  /** Verdict if what is only observed were enforced; absent when it would be the same. */
  observed: verdict.optional(),
});

export const matrixSchema = z.object({
  /** `namespace/service-account`, and `-` for a caller without a certificate. */
  callers: z.array(z.string()),
  services: z.array(z.object({ name: z.string(), replicas: z.number() })),
  cells: z.array(cellSchema),
});
export type MatrixView = z.infer<typeof matrixSchema>;
export type MatrixCellView = z.infer<typeof cellSchema>;

export const exportQuerySchema = z.object({
  to: z.enum(["istio", "kubernetes-networkpolicy", "envoy-rbac", "nftables", "linkerd", "cilium"]),
  namespace: z.string().max(253).optional(),
});

export const exportSchema = z.object({
  /** `namespace/service`: what was written for. */
  workloads: z.array(z.string()),
  /** Objects, where the other system takes YAML. */
  documents: z.array(z.record(z.string(), z.unknown())),
  /** What the other system takes, where that is no YAML. */
  text: z.string(),
  /** What is not there as it is here. */
  notes: z.array(
    z.object({
      workload: z.string(),
      policy: z.string(),
      rule: z.number(),
      effect: z.enum(["denies-more", "same", "not-written"]),
      message: z.string(),
    }),
  ),
});
export type ExportView = z.infer<typeof exportSchema>;

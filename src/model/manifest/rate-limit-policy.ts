/** `RateLimitPolicy`, as users write it. */
import { z } from "zod";
import type { LimitKey, RateLimit, RateLimitPolicy } from "#model";
import { durationMs, label } from "./fields.ts";
import { metadata } from "./metadata.ts";
import { operation, selector } from "./policy-fields.ts";
import { fieldName, isReservedField } from "./route-fields.ts";

/** Each is looked at by each request. */
const LIMITS_MAX = 16;
const REQUESTS_MAX = 1_000_000;
const PER_MS_MAX = 86_400_000;

const header = fieldName.refine(
  (name) => !isReservedField(name),
  "names a header that the agents write themselves; callers are told apart by `by: Caller`, hosts by `to`",
);
const headerKey = z.strictObject({ header });

/** One of three forms, each of which would be told in the words of the other two by a union. */
const by = z
  .unknown()
  .default("Workload")
  .transform((value, context): LimitKey => {
    if (value === "Workload") return { kind: "workload" };
    if (value === "Caller") return { kind: "caller" };
    const parsed = headerKey.safeParse(value);
    if (parsed.success) return { kind: "header", name: parsed.data.header };
    const fault = parsed.error.issues.find(({ code, path }) => path[0] === "header" && code !== "invalid_type");
    const message = "must be `Workload`, `Caller` or `{ header: NAME }`";
    context.addIssue({ code: "custom", path: fault?.path ?? [], message: fault?.message ?? message });
    return z.NEVER;
  });

const count = z.int().min(1).max(REQUESTS_MAX);
const limit = z.strictObject({
  name: label.optional(),
  to: z.array(z.strictObject({ operation })).default([]),
  by,
  requests: count,
  per: durationMs.refine((ms) => ms >= 1 && ms <= PER_MS_MAX, "must be from 1ms to 24h").default(1000),
  burst: count.optional(),
});

function limitOf({ name, to, per, burst, ...rest }: z.output<typeof limit>, index: number): RateLimit {
  return {
    name: name ?? `limit-${index + 1}`,
    to: to.map((each) => each.operation),
    by: rest.by,
    requests: rest.requests,
    perMs: per,
    burst: burst ?? rest.requests,
  };
}

const limits = z
  .array(limit)
  .min(1, "must have at least one limit")
  .max(LIMITS_MAX, `must have at most ${LIMITS_MAX} limits`)
  .transform((written) => written.map(limitOf))
  .superRefine((all, context) => {
    const names = all.map(({ name }) => name);
    const repeated = names.findIndex((name, index) => names.indexOf(name) !== index);
    if (repeated < 0) return;
    const message = `is the name \`${names[repeated]}\` again; each limit has its own`;
    context.addIssue({ code: "custom", path: [repeated], message });
  });

export const rateLimitPolicy = z
  .strictObject({
    apiVersion: z.literal("heddle.dev/v1"),
    kind: z.literal("RateLimitPolicy"),
    metadata: metadata(true),
    spec: z.strictObject({ selector: selector.optional(), limits }),
  })
  .transform(
    ({ spec, ...rest }): RateLimitPolicy => ({
      ...rest,
      spec: { selector: spec.selector?.matchLabels, limits: spec.limits },
    }),
  );

/** `AccessPolicy`, as users write it. */
import { z } from "zod";
import { type AccessPolicy, compileExpression, isTimeZone, parseConditionKey } from "#model";
import { label, labels } from "./fields.ts";
import { metadata } from "./metadata.ts";
import { addressBlocks, operation, selector, strings, WEEK_DAYS } from "./policy-fields.ts";

const SCHEDULE_MAX = 16;
const RULES_MAX = 64;
const SUBJECTS_MAX = 64;

const claims = z
  .record(z.string(), z.array(z.string().min(1)).min(1, "must have at least one value"))
  .default({})
  .superRefine((all, context) => {
    for (const name of Object.keys(all))
      if (typeof parseConditionKey(`request.auth.claims[${name}]`) === "string")
        context.addIssue({ code: "custom", path: [name], message: "is no name of a claim" });
  });

const subject = z
  .strictObject({
    identities: strings,
    namespaces: z.array(label).default([]),
    namespaceLabels: labels.default({}),
    accountLabels: labels.default({}),
    addresses: addressBlocks,
    claims,
  })
  .refine(
    (each) => Object.values(each).some((said) => Object.keys(said).length > 0),
    "says nothing; leave `subjects` out for every caller",
  );

const rule = z.strictObject({
  subjects: z.array(subject).max(SUBJECTS_MAX).default([]),
  operations: z.array(operation).max(SUBJECTS_MAX).default([]),
  condition: z
    .string()
    .default("")
    .superRefine((text, context) => {
      const compiled = text === "" ? undefined : compileExpression(text);
      if (compiled?.ok === false) context.addIssue({ code: "custom", message: compiled.problems[0].message });
    }),
  mode: z.enum(["Enforce", "Observe"]).default("Enforce"),
});

const clock = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day in quotes, such as "09:30"')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const schedule = z
  .strictObject({
    days: z.array(z.enum(WEEK_DAYS)).max(WEEK_DAYS.length).default([]),
    from: clock,
    to: clock,
    timeZone: z.string().default("UTC").refine(isTimeZone, "must be the name of a time zone, such as `Europe/Berlin`"),
  })
  .transform(({ days, from, to, timeZone }) => ({
    days: days.map((day) => WEEK_DAYS.indexOf(day)),
    fromMinute: from,
    toMinute: to,
    timeZone,
  }));

export const accessPolicy = z
  .strictObject({
    apiVersion: z.literal("heddle.dev/v1"),
    kind: z.literal("AccessPolicy"),
    metadata: metadata(true),
    spec: z.strictObject({
      selector: selector.optional(),
      action: z.enum(["Allow", "Reject"]),
      propagation: z.enum(["None", "Default", "Guardrail"]).default("None"),
      fallback: z.boolean().default(false),
      expires: z.iso.datetime({ offset: true }).optional(),
      schedule: z.array(schedule).max(SCHEDULE_MAX).default([]),
      rules: z.array(rule).min(1, "must have at least one rule").max(RULES_MAX),
    }),
  })
  .transform(
    ({ spec: { selector: selected, expires, ...spec }, ...rest }): AccessPolicy => ({
      ...rest,
      spec: {
        ...spec,
        selector: selected?.matchLabels,
        expiresAtMs: expires === undefined ? undefined : Date.parse(expires),
      },
    }),
  );

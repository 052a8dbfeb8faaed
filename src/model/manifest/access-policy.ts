/** `AccessPolicy`, as users write it. */
import { z } from "zod";
import { type AccessPolicy, parseConditionKey } from "#model";
import { label, labels } from "./fields.ts";
import { metadata } from "./metadata.ts";
import { addressBlocks, operation, selector, strings } from "./policy-fields.ts";

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
  mode: z.enum(["Enforce", "Observe"]).default("Enforce"),
});

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
      rules: z.array(rule).min(1, "must have at least one rule").max(RULES_MAX),
    }),
  })
  .transform(
    ({ spec, ...rest }): AccessPolicy => ({ ...rest, spec: { ...spec, selector: spec.selector?.matchLabels } }),
  );

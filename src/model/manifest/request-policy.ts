/** `RequestPolicy`, as users write it. */
import { z } from "zod";
import type { RequestPolicy } from "#model";
import { metadata } from "./metadata.ts";
import { routeDuration } from "./route-fields.ts";

const percent = z.number().min(0).max(100).default(100);
const fault = z
  .strictObject({
    delay: z.strictObject({ percent, duration: routeDuration }).optional(),
    abort: z.strictObject({ percent, httpStatus: z.int().min(400).max(599) }).optional(),
  })
  .transform(({ delay, abort }) => ({
    delay: delay && { share: delay.percent / 100, ms: delay.duration },
    abort: abort && { share: abort.percent / 100, status: abort.httpStatus },
  }));
const hedge = z
  .strictObject({ after: routeDuration })
  .refine(({ after }) => after > 0, "must begin after some time")
  .transform(({ after }) => ({ afterMs: after }));

export const requestPolicy = z
  .strictObject({
    apiVersion: z.literal("heddle.dev/v1"),
    kind: z.literal("RequestPolicy"),
    metadata: metadata(true),
    spec: z.strictObject({ fault: fault.optional(), hedge: hedge.optional() }),
  })
  .transform(({ spec, ...rest }): RequestPolicy => ({ ...rest, spec: { fault: spec.fault, hedge: spec.hedge } }));

import { z } from "zod";
import type { ObjectMeta } from "#model";
import { label, labels } from "./fields.ts";

export function metadata(isNamespaced: boolean) {
  return z
    .strictObject({
      name: label,
      namespace: isNamespaced ? label.default("default") : z.literal("").default(""),
      labels: labels.default({}),
      annotations: z.record(z.string(), z.string()).default({}),
      resourceVersion: z.string().optional(),
      uid: z.string().optional(),
      generation: z.number().int().optional(),
      creationTimestamp: z.string().optional(),
    })
    .transform(
      (value): ObjectMeta =>
        Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as unknown as ObjectMeta,
    );
}

/** The parts that all policy kinds share, as users write them. */
import { z } from "zod";
import { parseAddressBlock } from "#model";
import { labels } from "./fields.ts";

/** As schedules name them; Sunday is 0. */
export const WEEK_DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

export const strings = z.array(z.string().min(1)).default([]);

/** Addresses and blocks of them. */
export const addressBlocks = z
  .array(z.string().refine((text) => parseAddressBlock(text).ok, "must be an address or a block such as `10.0.0.0/8`"))
  .default([]);

export const ports = z
  .array(
    z
      .string()
      .refine((text) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535, 'must be a port in quotes, such as "8080"'),
  )
  .default([]);

/** Workloads by their labels. */
export const selector = z.strictObject({ matchLabels: labels });

/** Istio's template: `{*}` is one segment, `{**}` the rest; no other `*` stands beside them. */
const path = z
  .string()
  .min(1)
  .superRefine((text, context) => {
    if (!/[{}]/.test(text)) return;
    const rest = text.replaceAll("{*}", "").replace("{**}", "");
    if (/[{}*]/.test(rest))
      context.addIssue({
        code: "custom",
        message:
          "must be a path, or a template of `{*}` for a segment and one `{**}` for several, with no other `*`, `{` or `}`",
      });
  });
const paths = z.array(path).default([]);

export const operation = z.strictObject({
  methods: strings,
  notMethods: strings,
  paths,
  notPaths: paths,
  ports,
  notPorts: ports,
  hosts: strings,
  notHosts: strings,
});

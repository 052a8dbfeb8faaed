import { z } from "zod";
import { sinceSchema } from "./decisions.ts";

export const suggestQuerySchema = z.object({
  /** `namespace/service`, a namespace, or a service that only one namespace has. */
  for: z.string().min(1).max(600),
  since: sinceSchema.default("7d"),
  /** Kinds of requests seen less often are marked. */
  rareBelow: z.coerce.number().int().min(0).max(1_000_000).default(5),
  /** Whether every caller is named. */
  exact: z.enum(["true", "false"]).default("false"),
});

const suggestedRule = z.object({
  /** Of `policies`, and of the rule in it. */
  policy: z.number(),
  rule: z.number(),
  callers: z.array(z.string()).describe("principals of which it was derived"),
  requests: z.number(),
  lastSeenMs: z.number(),
  rare: z.boolean(),
  open: z.boolean().describe("asks for no method and no path: those of the requests are not known, or there are none"),
});

const leftOut = z.object({
  why: z.enum(["no-identity", "denied-since", "ambiguous-path", "not-told-apart"]),
  caller: z.string().describe("principal; empty without one"),
  method: z.string(),
  path: z.string(),
  requests: z.number(),
  lastSeenMs: z.number(),
});

const suggestion = z.object({
  service: z.string(),
  policies: z.array(z.record(z.string(), z.unknown())).describe("manifests; none where nothing can be granted"),
  rules: z.array(suggestedRule),
  leftOut: z.array(leftOut).describe("let through, and not granted"),
  proof: z.object({
    passed: z.number().describe("recorded requests of which it was derived: all pass"),
    refused: z.number().describe("all others, each of which it denies"),
    unclear: z.number().describe("denied ones of which too little was recorded to say what would become of them"),
  }),
  alsoAllowing: z.array(z.string()).describe("other policies that allow there"),
});
export type SuggestionView = z.infer<typeof suggestion>;

export const suggestionsSchema = z.object({
  fromMs: z.number(),
  recordedFromMs: z.number().nullable().describe("since when decisions are kept"),
  unrecorded: z.number().describe("decisions in the mesh that found no row at their agents"),
  suggestions: z.array(suggestion),
  unseen: z.array(z.string()).describe("services of which nothing was recorded: they have no profile"),
});
export type SuggestionsView = z.infer<typeof suggestionsSchema>;

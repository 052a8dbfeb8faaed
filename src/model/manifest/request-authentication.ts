/** `RequestAuthentication`, as users write it. */
import { z } from "zod";
import { type JwtRule, parseJsonWebKeys, type RequestAuthentication } from "#model";
import { durationMs, label } from "./fields.ts";
import { metadata } from "./metadata.ts";
import { selector } from "./policy-fields.ts";
import { fieldName, isReservedField } from "./route-fields.ts";

/** Each is looked for in each request. */
const RULES_MAX = 32;
const LOCATIONS_MAX = 16;
const CLAIM_HEADERS_MAX = 32;
/** The server waits for no issuer longer. */
const TIMEOUT_MS_MAX = 30_000;

const webUrl = z
  .string()
  .max(2048)
  .refine(
    (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? "") && !/[#@\s]/.test(text),
    "must be a URL that begins with `https://` (or `http://`), without user or fragment",
  );

/** A name in a query or in a cookie. */
const plainName = z.string().regex(/^[A-Za-z0-9_.~-]{1,128}$/, "must be letters, digits, `-`, `_`, `.`, `~`");

const outputHeader = fieldName.refine(
  (name) => !isReservedField(name),
  "names a header that the agents write themselves",
);

const claim = z
  .string()
  .max(256)
  .regex(/^[^.]+(?:\.[^.]+)*$/, "must be a claim's name, or names joined by `.`");

const jwtRule = z
  .strictObject({
    issuer: z.string().min(1).max(2048),
    audiences: z.array(z.string().min(1)).max(64).default([]),
    jwks: z.string().optional(),
    jwksUri: webUrl.optional(),
    fromHeaders: z
      .array(z.strictObject({ name: fieldName, prefix: z.string().max(64).default("") }))
      .max(LOCATIONS_MAX)
      .default([]),
    fromParams: z.array(plainName).max(LOCATIONS_MAX).default([]),
    fromCookies: z.array(plainName).max(LOCATIONS_MAX).default([]),
    outputPayloadToHeader: outputHeader.optional(),
    outputClaimToHeaders: z
      .array(z.strictObject({ header: outputHeader, claim }))
      .max(CLAIM_HEADERS_MAX)
      .default([]),
    forwardOriginalToken: z.boolean().default(false),
    timeout: durationMs.refine((ms) => ms >= 1 && ms <= TIMEOUT_MS_MAX, "must be from 1ms to 30s").default(5000),
  })
  .superRefine(({ issuer, jwks, jwksUri }, context) => {
    const complain = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (jwks !== undefined && jwksUri !== undefined) complain("jwks", "is given beside `jwksUri`; either will do");
    const keys = jwks === undefined ? undefined : parseJsonWebKeys(jwks);
    if (keys?.ok === false) complain("jwks", keys.problems[0].message);
    if (jwks !== undefined || jwksUri !== undefined || webUrl.safeParse(issuer).success) return;
    complain("issuer", "is no URL at which its keys could be found; give `jwksUri` or `jwks`");
  })
  .transform((written): JwtRule => {
    const { issuer, audiences, jwks, jwksUri: uri } = written;
    return {
      issuer,
      audiences,
      keys:
        jwks !== undefined
          ? { kind: "inline", jwks }
          : uri !== undefined
            ? { kind: "uri", uri }
            : { kind: "discovery", issuer },
      from: { headers: written.fromHeaders, params: written.fromParams, cookies: written.fromCookies },
      output: { payloadHeader: written.outputPayloadToHeader ?? "", claimHeaders: written.outputClaimToHeaders },
      isForwarded: written.forwardOriginalToken,
      timeoutMs: written.timeout,
    };
  });

const targetRef = z
  .strictObject({ group: z.enum(["", "core"]).default(""), kind: z.literal("Service"), name: label })
  .transform(({ kind, name }) => ({ kind, name }));

const spec = z
  .strictObject({
    selector: selector.optional(),
    targetRefs: z.array(targetRef).max(16).default([]),
    jwtRules: z.array(jwtRule).max(RULES_MAX, `must have at most ${RULES_MAX} rules`).default([]),
  })
  .superRefine(({ selector: selected, targetRefs }, context) => {
    if (selected === undefined || targetRefs.length === 0) return;
    const message = "is given beside `selector`; either says where the policy holds";
    context.addIssue({ code: "custom", path: ["targetRefs"], message });
  })
  .transform(({ selector: selected, ...rest }): RequestAuthentication["spec"] => ({
    selector: selected?.matchLabels,
    ...rest,
  }));

export const requestAuthentication = z.strictObject({
  apiVersion: z.literal("security.istio.io/v1"),
  kind: z.literal("RequestAuthentication"),
  metadata: metadata(true),
  spec,
});

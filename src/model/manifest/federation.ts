import { z } from "zod";
import { certificatesPem } from "./fields.ts";
import { metadata } from "./metadata.ts";

const BUNDLE_LENGTH_MAX = 2_097_152;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}\/[A-Za-z0-9._/-]{1,1500}$/;

const profile = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("https_web"), caCertificates: certificatesPem.optional() }),
  z.strictObject({ type: z.literal("https_spiffe"), endpointSPIFFEID: z.string().regex(SPIFFE_ID) }),
]);

export const federation = z.strictObject({
  apiVersion: z.literal("heddle.dev/v1"),
  kind: z.literal("Federation"),
  metadata: metadata(false),
  spec: z
    .strictObject({
      trustDomain: z.string().regex(TRUST_DOMAIN),
      bundleEndpointURL: z.url({ protocol: /^https$/ }).max(2048),
      bundleEndpointProfile: profile,
      trustDomainBundle: z.string().max(BUNDLE_LENGTH_MAX).optional(),
    })
    .refine(
      ({ bundleEndpointProfile: { type }, trustDomainBundle }) =>
        type === "https_web" || trustDomainBundle !== undefined,
      {
        path: ["trustDomainBundle"],
        message: "is needed to know the endpoint by the first time",
      },
    ),
});

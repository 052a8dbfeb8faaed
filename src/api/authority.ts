import { z } from "zod";

const keyStatus = z.enum(["prepared", "active", "old"]);

export const authoritySchema = z.object({
  trustDomain: z.string(),
  /** Of the bundle: grows with each change. */
  sequence: z.number(),
  phase: z.enum(["settled", "spreading", "renewing"]),
  /** `hash` is the SHA-256 of the certificate (PEM), as join tokens carry it. */
  roots: z.array(z.object({ id: z.string(), hash: z.string(), certificate: z.string(), notAfterMs: z.number() })),
  issuing: z.array(z.object({ id: z.string(), root: z.string(), status: keyStatus, notAfterMs: z.number() })),
  /** Those that hold a valid certificate, and how far they have followed. At most a few are named. */
  members: z.object({
    total: z.number(),
    confirmed: z.number(),
    renewed: z.number(),
    unconfirmed: z.array(z.string()),
    unrenewed: z.array(z.string()),
  }),
  /** Whether other trust domains have had the time to learn of a new key. */
  isPublished: z.boolean(),
  revocations: z.number(),
  /** Other trust domains that are followed. `fetchedAtMs` is 0 before the first time. */
  federated: z.array(
    z.object({
      trustDomain: z.string(),
      isKnown: z.boolean(),
      sequence: z.number(),
      fetchedAtMs: z.number(),
      problem: z.string(),
    }),
  ),
});
export type AuthorityView = z.infer<typeof authoritySchema>;

export const rotationBodySchema = z.object({
  what: z.enum(["issuing", "root"]),
});

const dnsLabel = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
export const revocationBodySchema = z.object({
  namespace: dnsLabel,
  serviceAccount: dnsLabel,
  /** Absent: every replica of the workload. */
  instance: dnsLabel.optional(),
});

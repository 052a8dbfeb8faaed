/** `NetworkPolicy`, as users write it. */
import { z } from "zod";
import { type NetworkPeer, type NetworkPolicy, parseAddressBlock } from "#model";
import { labels, port } from "./fields.ts";
import { metadata } from "./metadata.ts";

const LIST_MAX = 256;

const requirement = z
  .strictObject({
    key: z.string().min(1).max(317),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: z.array(z.string()).max(LIST_MAX).default([]),
  })
  .superRefine(({ operator, values }, context) => {
    if ((operator === "In" || operator === "NotIn") === values.length > 0) return;
    const message = values.length > 0 ? `are not for \`${operator}\`` : `are needed by \`${operator}\``;
    context.addIssue({ code: "custom", path: ["values"], message });
  });
const labelSelector = z.strictObject({
  matchLabels: labels.default({}),
  matchExpressions: z.array(requirement).max(LIST_MAX).default([]),
});

const block = z
  .string()
  .refine((text) => text.includes("/") && parseAddressBlock(text).ok, "must be a block such as `10.0.0.0/8`");
const peer = z
  .strictObject({
    ipBlock: z.strictObject({ cidr: block, except: z.array(block).max(LIST_MAX).default([]) }).optional(),
    namespaceSelector: labelSelector.optional(),
    podSelector: labelSelector.optional(),
  })
  .superRefine(({ ipBlock, namespaceSelector, podSelector }, context) => {
    const hasSelector = namespaceSelector !== undefined || podSelector !== undefined;
    if ((ipBlock !== undefined) !== hasSelector) return;
    const message = "must have either `ipBlock`, or `namespaceSelector` and `podSelector` or one of these";
    context.addIssue({ code: "custom", path: [], message });
  })
  .transform(
    ({ ipBlock, namespaceSelector, podSelector }): NetworkPeer =>
      ipBlock === undefined ? { kind: "pods", namespaceSelector, podSelector } : { kind: "block", ...ipBlock },
  );

const networkPort = z
  .strictObject({
    protocol: z.enum(["TCP", "UDP", "SCTP"]).default("TCP"),
    port: port.optional(),
    endPort: port.optional(),
  })
  .refine(({ port: first, endPort }) => endPort === undefined || (first !== undefined && endPort >= first), {
    path: ["endPort"],
    message: "needs a `port` that is not after it",
  })
  .transform(({ protocol, port: first, endPort }) => ({ protocol, port: first, endPort }));

const rule = z.strictObject({
  from: z.array(peer).max(LIST_MAX).default([]),
  ports: z.array(networkPort).max(LIST_MAX).default([]),
});

/** Told where a rule would otherwise be believed to hold. */
const EGRESS = "of egress are not enforced; write the rule as `ingress` at the destination";

const spec = z
  .strictObject({
    podSelector: labelSelector,
    policyTypes: z.array(z.enum(["Ingress", "Egress"])).default(["Ingress"]),
    ingress: z.array(rule).max(LIST_MAX).default([]),
    egress: z.unknown().optional(),
  })
  .superRefine(({ policyTypes, egress }, context) => {
    if (egress !== undefined) context.addIssue({ code: "custom", path: ["egress"], message: `rules ${EGRESS}` });
    const index = policyTypes.indexOf("Egress");
    if (index >= 0) context.addIssue({ code: "custom", path: ["policyTypes", index], message: `policies ${EGRESS}` });
  })
  .transform(({ podSelector, ingress }): NetworkPolicy["spec"] => ({ podSelector, ingress }));

export const networkPolicy = z.strictObject({
  apiVersion: z.literal("networking.k8s.io/v1"),
  kind: z.literal("NetworkPolicy"),
  metadata: metadata(true),
  spec,
});

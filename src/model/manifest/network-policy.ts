/** `NetworkPolicy`, as users write it. */
import { z } from "zod";
import { type NetworkPeer, type NetworkPolicy, type NetworkRule, parseAddressBlock } from "#model";
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

const peers = z.array(peer).max(LIST_MAX).default([]);
const ports = z.array(networkPort).max(LIST_MAX).default([]);
const ingressRule = z
  .strictObject({ from: peers, ports })
  .transform(({ from, ports: open }): NetworkRule => ({ peers: from, ports: open }));
const egressRule = z
  .strictObject({ to: peers, ports })
  .transform(({ to, ports: open }): NetworkRule => ({ peers: to, ports: open }));

const policyType = z.enum(["Ingress", "Egress"]);

/** Without types a policy is about what comes in, and about what goes out where it has rules for that (NetworkPolicySpec, `policyTypes`). */
function typesOf(written: readonly z.infer<typeof policyType>[], hasEgress: boolean): readonly string[] {
  if (written.length > 0) return written;
  return hasEgress ? ["Ingress", "Egress"] : ["Ingress"];
}

const spec = z
  .strictObject({
    podSelector: labelSelector,
    policyTypes: z.array(policyType).max(2).default([]),
    ingress: z.array(ingressRule).max(LIST_MAX).default([]),
    egress: z.array(egressRule).max(LIST_MAX).default([]),
  })
  .superRefine(({ policyTypes, ingress, egress }, context) => {
    const types = typesOf(policyTypes, egress.length > 0);
    for (const [field, type, rules] of [
      ["ingress", "Ingress", ingress] as const,
      ["egress", "Egress", egress] as const,
    ])
      if (rules.length > 0 && !types.includes(type)) {
        const message = `does nothing where \`policyTypes\` do not name \`${type}\``;
        context.addIssue({ code: "custom", path: [field], message });
      }
  })
  .transform(({ podSelector, policyTypes, ingress, egress }): NetworkPolicy["spec"] => {
    const types = typesOf(policyTypes, egress.length > 0);
    return {
      podSelector,
      ingress: types.includes("Ingress") ? ingress : undefined,
      egress: types.includes("Egress") ? egress : undefined,
    };
  });

export const networkPolicy = z.strictObject({
  apiVersion: z.literal("networking.k8s.io/v1"),
  kind: z.literal("NetworkPolicy"),
  metadata: metadata(true),
  spec,
});

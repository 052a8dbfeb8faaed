/** `PeerAuthentication`, as users write it. */
import { z } from "zod";
import { MTLS_MODES, type MtlsSetting, type PeerAuthentication } from "#model";
import { metadata } from "./metadata.ts";
import { selector } from "./policy-fields.ts";

const PORTS_MAX = 64;

const mtls = z.strictObject({ mode: z.enum([...MTLS_MODES, "UNSET"]).default("UNSET") });

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;
}

const portLevelMtls = z
  .record(z.string(), mtls)
  .superRefine((ports, context) => {
    const names = Object.keys(ports);
    const message = 'must be a port of the workload, such as "8080"';
    for (const name of names) if (!isPort(name)) context.addIssue({ code: "custom", path: [name], message });
    if (names.length <= PORTS_MAX) return;
    context.addIssue({ code: "custom", message: `must have at most ${PORTS_MAX} ports` });
  })
  .transform(
    (ports): Readonly<Record<string, MtlsSetting>> =>
      Object.fromEntries(Object.entries(ports).map(([port, { mode }]) => [port, mode])),
  );

const spec = z
  .strictObject({ selector: selector.optional(), mtls: mtls.optional(), portLevelMtls: portLevelMtls.default({}) })
  .transform((written): PeerAuthentication["spec"] => {
    const labels = written.selector?.matchLabels ?? {};
    return {
      // To select by nothing is not to select.
      selector: Object.keys(labels).length === 0 ? undefined : labels,
      mtls: written.mtls?.mode ?? "UNSET",
      portLevelMtls: written.portLevelMtls,
    };
  })
  .superRefine((read, context) => {
    if (read.selector !== undefined || Object.keys(read.portLevelMtls).length === 0) return;
    const message = "needs a `selector` with labels: ports are those of the selected workloads";
    context.addIssue({ code: "custom", path: ["portLevelMtls"], message });
  });

export const peerAuthentication = z.strictObject({
  apiVersion: z.literal("security.istio.io/v1"),
  kind: z.literal("PeerAuthentication"),
  metadata: metadata(true),
  spec: spec.prefault({}),
});

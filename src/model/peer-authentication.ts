/** How a workload's callers prove who they are (Istio `security.istio.io/v1` PeerAuthentication). */
import type { ResourceOf } from "./resource-of.ts";

export const MTLS_MODES = ["STRICT", "PERMISSIVE", "DISABLE"] as const;

/** `STRICT`: mutual TLS only. `PERMISSIVE`: plaintext too. `DISABLE`: plaintext only. */
export type MtlsMode = (typeof MTLS_MODES)[number];

/** `UNSET` leaves it to what holds more widely. */
export type MtlsSetting = MtlsMode | "UNSET";

export interface PeerAuthentication extends ResourceOf<"security.istio.io/v1", "PeerAuthentication"> {
  readonly spec: {
    /** Undefined: the whole namespace, in the root namespace the whole mesh. */
    readonly selector: Readonly<Record<string, string>> | undefined;
    readonly mtls: MtlsSetting;
    /** By port of the workload. Only with a selector. */
    readonly portLevelMtls: Readonly<Record<string, MtlsSetting>>;
  };
}

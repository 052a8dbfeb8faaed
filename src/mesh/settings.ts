import type { TrustDomain } from "#identity";
import type { Mesh } from "#model";

/** What holds for the whole mesh. */
export interface MeshSettings {
  readonly trustDomain: TrustDomain;
  /** Life of an X.509-SVID, milliseconds. */
  readonly svidTtlMs: number;
  /** Namespace whose policies hold for every workload. */
  readonly rootNamespace: string;
  readonly explainDenials: boolean;
  /** 0..1. */
  readonly traceSampling: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** What holds where no `Mesh` resource says otherwise. */
export function defaultSettings(trustDomain: TrustDomain): MeshSettings {
  return {
    trustDomain,
    svidTtlMs: 3_600_000,
    rootNamespace: "heddle-system",
    explainDenials: true,
    traceSampling: 1,
    connectTimeoutMs: 1000,
    requestTimeoutMs: 15_000,
  };
}

/**
 * The settings of a `Mesh` resource. Its trust domain is passed over: the authority's alone holds, since every identity was issued
 * under it.
 */
export function settingsOf(mesh: Mesh | undefined, trustDomain: TrustDomain): MeshSettings {
  if (mesh === undefined) return defaultSettings(trustDomain);
  return { ...defaultSettings(trustDomain), ...mesh.spec, trustDomain };
}

import type { ResourceOf } from "./resource-of.ts";

/** A trust domain beside the own one whose workloads may be known here; field names are those of SPIRE's ClusterFederatedTrustDomain. */
export interface Federation extends ResourceOf<"heddle.dev/v1", "Federation"> {
  readonly spec: {
    readonly trustDomain: string;
    /** `https://…`, where its bundle is published (SPIFFE Federation §5). */
    readonly bundleEndpointURL: string;
    readonly bundleEndpointProfile: /** The endpoint is known as web servers are; `caCertificates` (PEM) in place of the machine's authorities. */
      | { readonly type: "https_web"; readonly caCertificates?: string | undefined }
      /** The endpoint shows an SVID of this id, of the domain itself. */
      | { readonly type: "https_spiffe"; readonly endpointSPIFFEID: string };
    /** The bundle to begin with, as the endpoint would give it; `https_spiffe` needs it. */
    readonly trustDomainBundle?: string | undefined;
  };
}

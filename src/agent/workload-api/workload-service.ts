/** `SpiffeWorkloadAPI` for a connect router (SPIFFE Workload API §4 to §6). */
import { create, type JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { jwkOf, verifyJws } from "#engine/crypto";
import {
  audienceFault,
  type Bundle,
  type BundleSet,
  decodePem,
  encodeBundleDocument,
  type TlsIdentity,
  trustDomainId,
  validateJwtSvid,
} from "#identity";
import type { Problem, Result } from "#model";
import { type SpiffeWorkloadAPI, X509SVIDResponseSchema } from "#proto";
import type { KnownProcess } from "./attestation.ts";

export interface WorkloadServiceOptions {
  /** The newest; undefined before enrolment. */
  readonly identity: () => TlsIdentity | undefined;
  readonly bundles: () => BundleSet;
  /** Ends when the identity or a bundle changes, or with the signal. */
  readonly changed: (signal: AbortSignal) => Promise<void>;
  readonly mint: (audience: readonly string[], signal: AbortSignal) => Promise<Result<string>>;
  /** The calling process, if it may have the identity. */
  readonly attest: (context: HandlerContext) => Promise<Result<KnownProcess>>;
  readonly isStillThere: (process: KnownProcess) => Promise<boolean>;
  readonly nowMs: () => number;
}

/** SPIFFE Workload API §3.1: keeps a page that a browser was lured to from asking. */
const SECURITY_HEADER = "workload.spiffe.io";

export function workloadService(options: WorkloadServiceOptions): ServiceImpl<typeof SpiffeWorkloadAPI> {
  const { identity, bundles, mint, nowMs } = options;
  return {
    fetchX509SVID: (_request, context) => updates(options, context, () => x509Response(identity(), bundles())),
    fetchX509Bundles: (_request, context) =>
      updates(options, context, () => ({ bundles: mapBundles(bundles(), (each) => concat(each.authorities)) })),
    fetchJWTBundles: (_request, context) =>
      updates(options, context, () => ({ bundles: mapBundles(bundles(), jwkSet) })),
    async fetchJWTSVID({ audience, spiffeId }, context) {
      await admit(options, context);
      const own = identity()?.spiffeId.uri ?? "";
      const fault = audienceFault(audience);
      if (fault !== undefined) throw new ConnectError(fault, Code.InvalidArgument);
      if (spiffeId !== "" && spiffeId !== own) throw new ConnectError(`not ${spiffeId}`, Code.PermissionDenied);
      const minted = await mint(audience, context.signal);
      if (!minted.ok) throw unavailable(minted.problems[0]);
      return { svids: [{ spiffeId: own, svid: minted.value }] };
    },
    async validateJWTSVID({ audience, svid }, context) {
      await admit(options, context);
      if (audience === "" || svid === "") throw new ConnectError("audience and svid are needed", Code.InvalidArgument);
      const valid = validateJwtSvid(svid, { audience, nowMs: nowMs(), bundles: bundles(), verify: verifyJws });
      if (!valid.ok) throw new ConnectError(valid.problems[0].message, Code.InvalidArgument);
      return { spiffeId: valid.value.id.uri, claims: valid.value.claims as JsonObject };
    },
  };
}

/** The whole set now and after each change, for as long as the process lives that was let in. */
async function* updates<T>(options: WorkloadServiceOptions, context: HandlerContext, make: () => T): AsyncGenerator<T> {
  const process = await admit(options, context);
  while (!context.signal.aborted) {
    yield make();
    await options.changed(context.signal);
    if (!(await options.isStillThere(process))) throw new ConnectError("the process has ended", Code.PermissionDenied);
  }
}

async function admit({ attest }: WorkloadServiceOptions, context: HandlerContext): Promise<KnownProcess> {
  if (context.requestHeader.get(SECURITY_HEADER) !== "true")
    throw new ConnectError(`the header ${SECURITY_HEADER}: true is needed`, Code.InvalidArgument);
  const attested = await attest(context);
  if (!attested.ok) throw new ConnectError(attested.problems[0].message, Code.PermissionDenied);
  return attested.value;
}

function x509Response(identity: TlsIdentity | undefined, bundles: BundleSet) {
  if (identity === undefined) throw new ConnectError("the agent has no identity yet", Code.Unavailable);
  const { spiffeId, certificateChainPem, privateKeyPem } = identity;
  const own = bundles.get(spiffeId.trustDomain);
  const federated = new Map([...bundles].filter(([domain]) => domain !== spiffeId.trustDomain));
  return create(X509SVIDResponseSchema, {
    svids: [
      {
        spiffeId: spiffeId.uri,
        x509Svid: concat(decodePem("CERTIFICATE", certificateChainPem)),
        x509SvidKey: concat(decodePem("PRIVATE KEY", privateKeyPem)),
        bundle: concat(own?.authorities ?? []),
      },
    ],
    federatedBundles: mapBundles(federated, (each) => concat(each.authorities)),
  });
}

function mapBundles(bundles: BundleSet, encode: (bundle: Bundle) => Uint8Array): Record<string, Uint8Array> {
  return Object.fromEntries([...bundles.values()].map((each) => [trustDomainId(each.trustDomain).uri, encode(each)]));
}

/** A bundle's JWT keys alone, each with `use` as the profile asks. */
function jwkSet(bundle: Bundle): Uint8Array {
  return new TextEncoder().encode(encodeBundleDocument({ ...bundle, authorities: [] }, 0, { jwkOf }));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function unavailable({ message }: Problem): ConnectError {
  return new ConnectError(message, Code.Unavailable);
}

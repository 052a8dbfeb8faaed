import type { SparseBuckets } from "./buckets.ts";
import type { EndReason } from "./end-reasons.ts";

/** One end of an edge. Unknown texts are empty, never "unknown": that word is made on export. */
export interface Party {
  readonly namespace: string;
  /** Service account name. */
  readonly workload: string;
  /** Replica, such as `inventory-2`; the address of a caller that showed no identity; empty when the reporter cannot know it. */
  readonly instance: string;
  /** SPIFFE ID as proved by the certificate; empty when none was shown. */
  readonly principal: string;
  /** Service name that callers use, or empty. */
  readonly service: string;
  readonly version: string;
}

/** Which side measured: `source` is the caller's agent. */
export type ReporterSide = "source" | "destination";
export type EdgeProtocol = "http" | "grpc" | "tcp";

/** Who calls whom, as one side saw it. */
export interface EdgeKey {
  readonly reporter: ReporterSide;
  readonly source: Party;
  readonly destination: Party;
  readonly protocol: EdgeProtocol;
  /** Whether this side saw the peer prove its identity by mutual TLS. */
  readonly mtls: boolean;
}

export type Verdict = "none" | "allow" | "deny";

/** What happened on one edge since the batch before, for one outcome. Times in µs. */
export interface SeriesDelta {
  /** Index into the batch's `edges`. */
  readonly edge: number;
  /** HTTP status; 0 when no answer was made. */
  readonly status: number;
  /** How gRPC calls ended; -1 for what is no gRPC. */
  readonly grpcStatus: number;
  readonly endReason: EndReason;
  /** Label of the policy that denied; empty otherwise. */
  readonly policy: string;
  readonly count: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Sums of the four stretches between the five stamps: received → chosen → sent → first byte → done. */
  readonly stagesUs: Stages;
  /** Whole durations, received → done, in the layout of `bucketOf`. */
  readonly buckets: SparseBuckets;
  /** Body sizes in the layout of `istioBucketOf`. */
  readonly requestSizes: SparseBuckets;
  readonly responseSizes: SparseBuckets;
}

export type Stages = readonly [chosen: number, sent: number, firstByte: number, done: number];

/** Why one request was kept as a sample. */
export type SampleClass = "failed" | "denied" | "slow" | "sampled" | "flow";

/** One request as one side saw it: a span with its five stamps, and a flow with its decision. */
export interface RequestSample {
  readonly edge: number;
  readonly kept: SampleClass;
  /** 32 hexadecimal digits; empty when there is no trace. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** Wall clock, µs since the epoch. Stamps that were not reached are 0. */
  readonly receivedUs: number;
  readonly chosenUs: number;
  readonly sentUs: number;
  readonly firstByteUs: number;
  readonly doneUs: number;
  readonly status: number;
  readonly endReason: EndReason;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly method: string;
  /** Without the query, at most 256 characters. */
  readonly path: string;
  readonly authority: string;
  readonly verdict: Verdict;
  readonly policy: string;
  readonly rule: number;
  /** What it would have been with the policies in observe mode enforced; "none" and empty when there are none. */
  readonly observedVerdict: Verdict;
  readonly observedPolicy: string;
  /** Labels of the AUDIT policies that the request met. */
  readonly audits: readonly string[];
}

/**
 * How much of a request a recorded decision tells. `whole`: its method, its path but for the segments that differ from request to request, and
 * its host. `prefix`: of these only the method and the first segment of the path. `caller`: nothing but who called.
 */
export type DecisionDetail = "whole" | "prefix" | "caller";

/**
 * What was known of a token. `unread`: no rule said to look for one. `none`: none was verified. `verified`: one was. `refused`: one did not hold, and
 * the request was denied for it.
 */
export type TokenSeen = "unread" | "none" | "verified" | "refused";

/** Requests of one caller that are alike for a policy, and what was decided of them at their destination. */
export interface DecisionKey {
  /** Of the app; 0 when it is not known. */
  readonly port: number;
  readonly detail: DecisionDetail;
  /** Empty when `detail` is `caller`. */
  readonly method: string;
  /** With `{*}` for a segment that is left out, and `*` at its end for all that follows; empty when `detail` is `caller`. */
  readonly path: string;
  /** Empty unless `detail` is `whole`. */
  readonly host: string;
  readonly token: TokenSeen;
  /** Of the request's principal; empty without one. Its subject is not recorded. */
  readonly issuer: string;
  readonly verdict: "allow" | "deny";
  /** Whether an external authorizer denied, or could not be asked: no rule did. */
  readonly isExternal: boolean;
  /** Label of what decided: a policy, what stands for one, or the limit that an allowed request was over. */
  readonly policy: string;
  readonly rule: number;
  readonly observedVerdict: Verdict;
  readonly observedPolicy: string;
}

/** How often that was decided since the batch before. */
export interface DecisionDelta extends DecisionKey {
  /** Index into the batch's `edges`. */
  readonly edge: number;
  readonly count: number;
}

/** What one edge and outcome amounted to over some span of time: the sum of its deltas. */
export interface EdgeTotals {
  readonly edge: EdgeKey;
  readonly status: number;
  readonly endReason: EndReason;
  readonly policy: string;
  readonly count: number;
  readonly stagesUs: Stages;
  readonly buckets: SparseBuckets;
}

/** A sample with its edge spelled out. */
export interface ObservedRequest extends Omit<RequestSample, "edge"> {
  readonly edge: EdgeKey;
}

export type RefusalReason = "plaintext" | "unexpected-tls" | "untrusted-certificate" | "identity-mismatch";

/** A connection that was refused before any request. */
export interface Refusal {
  readonly atMs: number;
  readonly reason: RefusalReason;
  readonly peerAddress: string;
  /** What the peer showed: a SPIFFE ID, a subject, or empty. */
  readonly presented: string;
  readonly localPort: number;
  /** How many alike this one stands for; at least 1. */
  readonly count: number;
}

/** `agent-late`: a second in which the agent's own timers came late, so that it was short of processor time or stopped. */
export type AgentEventKind =
  | "svid-rotated"
  | "config-applied"
  | "config-rejected"
  | "app-ready"
  | "app-unready"
  | "agent-late";

export interface AgentEvent {
  readonly atMs: number;
  readonly kind: AgentEventKind;
  readonly detail: string;
}

/** What one agent recorded since its batch before: deltas, never totals. */
export interface TelemetryBatch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly edges: readonly EdgeKey[];
  readonly series: readonly SeriesDelta[];
  readonly samples: readonly RequestSample[];
  readonly refusals: readonly Refusal[];
  readonly events: readonly AgentEvent[];
  readonly decisions: readonly DecisionDelta[];
  /** Decisions that found no row, so that nothing is known of them but that they were made. */
  readonly unrecordedDecisions: number;
  /** Samples that found no room since the batch before; counters lose nothing. */
  readonly droppedSamples: number;
}

/** The name by which people know a party: its service where it has one, else its workload; `unknown` outside the mesh. */
export function partyName(party: Party): string {
  return party.service !== "" ? party.service : party.workload;
}

/** The node of the map that a party belongs to, such as `shop/checkout`; `external` for one that showed no identity. */
export function nodeIdOf(party: Party): string {
  const name = partyName(party);
  return name === "" ? "external" : `${party.namespace}/${name}`;
}

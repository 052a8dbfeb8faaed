/** Turns what was seen in a run into the document that it ends with. Pure: every verdict comes from the evidence given. */
import type { Attempt } from "./intruder.ts";
import type { EdgeSeen, Graph, Why, WorkloadSeen } from "./observer.ts";
import type { ShopperSummary } from "./shopper-stats.ts";

export interface HopCause {
  readonly hop: string;
  readonly cause: string;
}

export interface FaultEvidence {
  readonly injected: HopCause;
  /** What `why` answered last, and after how long. */
  readonly why: Why | undefined;
  readonly answeredAfterMs: number;
}

export interface Evidence {
  readonly secondsToReady: number;
  readonly secondsInAll: number;
  readonly expectedEdges: readonly { readonly source: string; readonly destination: string }[];
  readonly calm: { readonly graph: Graph; readonly shopper: ShopperSummary };
  readonly attempts: readonly Attempt[];
  readonly workloads: readonly WorkloadSeen[];
  readonly expectedWorkloads: readonly string[];
  readonly faults: readonly FaultEvidence[];
}

export interface Assertion {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface DemoReport {
  readonly assertions: readonly Assertion[];
  readonly edges: readonly Omit<EdgeSeen, "denied" | "denyPolicies">[];
  readonly denials: readonly { readonly source: string; readonly destination: string; readonly policy: string }[];
  readonly rotations: readonly { readonly workload: string; readonly count: number }[];
  readonly faults: readonly {
    readonly injected: HopCause;
    readonly named: HopCause | null;
    readonly correct: boolean;
    readonly summary: string;
    readonly answeredAfterMs: number;
  }[];
  readonly attempts: readonly Attempt[];
  readonly shopper: ShopperSummary;
  readonly secondsToReady: number;
  readonly secondsInAll: number;
}

const SECONDS_IN_ALL_MAX = 180;
const SECONDS_TO_READY_MAX = 60;

function assertion(name: string, faults: readonly string[], fine: string): Assertion {
  return { name, ok: faults.length === 0, detail: faults.length === 0 ? fine : faults.join("; ") };
}

/** Edges between workloads; what comes from outside has no identity to prove. */
function meshEdges(graph: Graph): readonly EdgeSeen[] {
  const outside = new Set(graph.nodes.filter(({ role }) => role === "external").map(({ id }) => id));
  return graph.edges.filter(({ source, destination }) => !outside.has(source) && !outside.has(destination));
}

const edgeName = ({ source, destination }: { source: string; destination: string }): string =>
  `${source} → ${destination}`;

function edgeFaults(edge: EdgeSeen): readonly string[] {
  const name = edgeName(edge);
  const faults: string[] = [];
  if (!edge.mtls) faults.push(`${name} is not mutual TLS`);
  if (!(edge.requests > 0)) faults.push(`${name} has no requests`);
  if (edge.successRate === null) faults.push(`${name} has no success rate`);
  for (const [reporter, latency] of [
    ["source", edge.fromSource],
    ["destination", edge.fromDestination],
  ] as const) {
    if (latency === null || !(latency.p50Ms > 0) || latency.p99Ms < latency.p50Ms)
      faults.push(`${name} has no latencies from its ${reporter}`);
  }
  return faults;
}

function edgeAssertions(evidence: Evidence): readonly Assertion[] {
  const edges = meshEdges(evidence.calm.graph);
  const seen = new Set(edges.map(edgeName));
  const missing = evidence.expectedEdges.map(edgeName).filter((name) => !seen.has(name));
  const failing = edges.filter(({ denied, successRate }) => denied === 0 && successRate !== 1);
  return [
    assertion(
      "every declared call was seen",
      missing.map((name) => `${name} was not`),
      `${edges.length} edges`,
    ),
    assertion(
      "every edge is mutual TLS with figures from both reporters",
      edges.flatMap(edgeFaults),
      `${edges.length} edges`,
    ),
    assertion(
      "no allowed call failed in calm",
      failing.map((edge) => `${edgeName(edge)}: success ${edge.successRate}`),
      "success rate 1 on every edge",
    ),
  ];
}

/** `AuthorizationPolicy/shop/name` is a policy; `default-deny` alone is not a name. */
function denialsOf(graph: Graph): DemoReport["denials"] {
  return meshEdges(graph)
    .filter(({ denied }) => denied > 0)
    .flatMap(({ source, destination, denyPolicies }) =>
      denyPolicies.map((policy) => ({ source, destination, policy })),
    );
}

function denialAssertion(denials: DemoReport["denials"]): Assertion {
  const named = denials.filter(({ policy }) => policy.includes("/"));
  const first = named[0];
  return assertion(
    "an unauthorized call was denied by a policy that is named",
    first === undefined ? ["no denial names its policy"] : [],
    first === undefined ? "" : `${edgeName(first)} by ${first.policy}`,
  );
}

function attemptAssertion(attempts: readonly Attempt[], name: string, sentence: string): Assertion {
  const attempt = attempts.find((each) => each.name === name);
  const faults = attempt === undefined ? ["it was not tried"] : attempt.refused ? [] : [attempt.detail];
  return assertion(sentence, faults, attempt?.detail ?? "");
}

function rotationAssertions(evidence: Evidence): readonly Assertion[] {
  const counts = new Map(
    evidence.workloads.map(({ namespace, instance, rotations }) => [`${namespace}/${instance}`, rotations]),
  );
  const without = evidence.expectedWorkloads.filter((workload) => !((counts.get(workload) ?? 0) >= 1));
  const { shopper } = evidence.calm;
  const failures = shopper.failures.slice(0, 3).map(({ path, error }) => `${path}: ${error}`);
  return [
    assertion(
      "every workload's certificate was rotated",
      without.map((name) => `${name} was not`),
      `${counts.size} workloads`,
    ),
    assertion(
      "no request of the shopper failed meanwhile",
      shopper.failed === 0 ? [] : [`${shopper.failed} of ${shopper.requests} failed`, ...failures],
      `${shopper.requests} requests`,
    ),
    assertion(
      "the shopper was busy",
      shopper.requests >= 100 ? [] : [`only ${shopper.requests} requests`],
      `${shopper.requestsPerSecond} requests/s`,
    ),
  ];
}

function judge({ injected, why, answeredAfterMs }: FaultEvidence): DemoReport["faults"][number] {
  const culprit = why?.status === "culprit" ? why.culprits[0] : undefined;
  const named = culprit === undefined ? null : { hop: culprit.hop, cause: culprit.cause };
  const correct = named?.hop === injected.hop && named.cause === injected.cause;
  return { injected, named, correct, summary: why?.summary ?? "why did not answer", answeredAfterMs };
}

function faultAssertion(fault: DemoReport["faults"][number]): Assertion {
  const { injected, named, correct, summary } = fault;
  const wrong = named === null ? "nothing was named" : `named ${named.hop} (${named.cause})`;
  return assertion(`why names ${injected.hop} (${injected.cause})`, correct ? [] : [wrong, summary], summary);
}

/** The document of the run. It holds as a whole when every assertion does. */
export function assess(evidence: Evidence): DemoReport {
  const { graph, shopper } = evidence.calm;
  const denials = denialsOf(graph);
  const faults = evidence.faults.map(judge);
  const { attempts, secondsInAll, secondsToReady } = evidence;
  const late = (seconds: number, limit: number): string[] => (seconds < limit ? [] : [`${seconds.toFixed(0)} s`]);
  return {
    assertions: [
      assertion(
        "the shop was up in under a minute",
        late(secondsToReady, SECONDS_TO_READY_MAX),
        `${secondsToReady.toFixed(1)} s`,
      ),
      ...edgeAssertions(evidence),
      denialAssertion(denials),
      attemptAssertion(attempts, "plaintext", "a plaintext connection to a mesh port was refused"),
      attemptAssertion(attempts, "no-certificate", "a connection without a certificate was refused"),
      attemptAssertion(attempts, "wrong-identity", "a connection with a wrong identity was refused"),
      ...rotationAssertions(evidence),
      ...faults.map(faultAssertion),
      assertion("three faults were injected", faults.length === 3 ? [] : [`only ${faults.length}`], "in turn"),
      assertion(
        "it took under three minutes in all",
        late(secondsInAll, SECONDS_IN_ALL_MAX),
        `${secondsInAll.toFixed(0)} s`,
      ),
    ],
    edges: meshEdges(graph).map(
      ({ source, destination, mtls, requests, successRate, fromSource, fromDestination }) => ({
        source,
        destination,
        mtls,
        requests,
        successRate,
        fromSource,
        fromDestination,
      }),
    ),
    denials,
    rotations: evidence.workloads.map(({ namespace, instance, rotations }) => ({
      workload: `${namespace}/${instance}`,
      count: rotations,
    })),
    faults,
    attempts,
    shopper,
    secondsToReady: Math.round(secondsToReady * 10) / 10,
    secondsInAll: Math.round(secondsInAll * 10) / 10,
  };
}

export function holds(report: DemoReport): boolean {
  return report.assertions.every(({ ok }) => ok);
}

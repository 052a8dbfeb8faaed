/** What a server with the example shop would answer: the same services, calls and denials, with figures of a calm minute. */

const NAMESPACE = "shop";
const CERTIFICATE_LIFE_MS = 20_000;

type Role = "service" | "gateway" | "load-balancer" | "external";

const SERVICES: readonly (readonly [name: string, role: Role, replicas: number])[] = [
  ["shoppers", "external", 0],
  ["edge", "gateway", 1],
  ["lb", "load-balancer", 1],
  ["storefront", "service", 2],
  ["catalog", "service", 1],
  ["cart", "service", 1],
  ["checkout", "service", 1],
  ["recommendations", "service", 1],
  ["payments", "service", 1],
  ["inventory", "service", 2],
];

/** Caller, callee, requests a second, success, then p50 and p99 at the caller and at the callee. */
const CALLS: readonly (readonly [string, string, number, number, number, number, number, number])[] = [
  ["shoppers", "edge", 34.8, 0.9971, 41, 462, 40.2, 460],
  ["edge", "lb", 34.8, 0.9971, 39.1, 458, 38.6, 457],
  ["lb", "storefront", 34.8, 0.9971, 37.4, 455, 36.9, 454],
  ["storefront", "catalog", 21.6, 1, 6.2, 24, 5.7, 23],
  ["storefront", "cart", 12.4, 1, 3.1, 11, 2.6, 10],
  ["storefront", "checkout", 3.9, 0.974, 431, 612, 430, 611],
  ["storefront", "recommendations", 17.2, 1, 9.4, 37, 8.8, 36],
  ["catalog", "inventory", 19.8, 1, 2.4, 9, 1.9, 8],
  ["recommendations", "catalog", 16.1, 1, 5.9, 22, 5.3, 21],
  ["checkout", "cart", 3.9, 1, 2.9, 9, 2.4, 8],
  ["checkout", "inventory", 3.8, 1, 2.6, 10, 2.1, 9],
  ["checkout", "payments", 3.8, 0.974, 412, 590, 411, 589],
];

const DENY_POLICY = `AuthorizationPolicy/${NAMESPACE}/payments-callers`;

const id = (name: string): string => `${NAMESPACE}/${name}`;

export function shopGraph(nowMs: number, windowMs = 30_000): object {
  return {
    generatedAtMs: nowMs,
    windowMs,
    nodes: SERVICES.map(([name, role, count], index) => ({
      id: id(name),
      namespace: NAMESPACE,
      name,
      role,
      replicas: Array.from({ length: count }, (_, replica) => ({
        instance: `${name}-${replica + 1}`,
        ready: true,
        svidNotAfterMs: nowMs + remainingLife(nowMs, index * 1_700 + replica * 3_100),
      })),
    })),
    edges: [...CALLS.map((call) => served(call, nowMs, windowMs)), denied(windowMs)],
  };
}

/** Renewed at half of its life, as agents do: between half and the whole of it remains. */
function remainingLife(nowMs: number, offsetMs: number): number {
  return CERTIFICATE_LIFE_MS - ((nowMs + offsetMs) % (CERTIFICATE_LIFE_MS / 2));
}

function served(call: (typeof CALLS)[number], nowMs: number, windowMs: number): object {
  const [source, destination, rate, successRate, sourceP50, sourceP99, destinationP50, destinationP99] = call;
  const requestsPerSecond = Math.round(rate * (1 + 0.03 * Math.sin(nowMs / 4_000 + rate)) * 10) / 10;
  return {
    source: id(source),
    destination: id(destination),
    mtls: source !== "shoppers",
    requests: Math.round((requestsPerSecond * windowMs) / 1_000),
    requestsPerSecond,
    successRate,
    fromSource: source === "shoppers" ? null : { p50Ms: sourceP50, p99Ms: sourceP99 },
    fromDestination: { p50Ms: destinationP50, p99Ms: destinationP99 },
    denied: 0,
    denyPolicies: [],
  };
}

function denied(windowMs: number): object {
  const requests = Math.round((0.6 * windowMs) / 1_000);
  return {
    source: id("recommendations"),
    destination: id("payments"),
    mtls: true,
    requests,
    requestsPerSecond: 0.6,
    successRate: 0,
    fromSource: { p50Ms: 1.1, p99Ms: 3 },
    fromDestination: { p50Ms: 0.2, p99Ms: 0.6 },
    denied: requests,
    denyPolicies: [DENY_POLICY],
  };
}

export function shopWhy(service: string, nowMs: number): object {
  return {
    service,
    window: { fromMs: nowMs - 30_000, toMs: nowMs },
    baseline: { fromMs: nowMs - 60_000, toMs: nowMs - 30_000 },
    status: "culprit",
    summary: "edge answers 52 ms slower than before, and payments' own work is the cause of nearly all of it.",
    latency: { baselineMs: 31.4, currentMs: 83.6 },
    errorRate: { baseline: 0.0004, current: 0.0029 },
    hops: [
      { hop: id("payments"), cause: "application", baselineMs: 2.1, currentMs: 48.7 },
      { hop: id("checkout"), cause: "application", baselineMs: 4.4, currentMs: 6.9 },
      { hop: id("storefront"), cause: "application", baselineMs: 11.8, currentMs: 12.6 },
      { hop: id("catalog"), cause: "application", baselineMs: 5.2, currentMs: 5.4 },
      { hop: id("lb"), cause: "load-balancer", baselineMs: 3.6, currentMs: 3.7 },
      { hop: id("recommendations"), cause: "application", baselineMs: 2.9, currentMs: 3 },
      { hop: `${id("checkout")} → ${id("payments")}`, cause: "network", baselineMs: 0.6, currentMs: 0.6 },
    ],
    culprits: [
      {
        hop: id("payments"),
        cause: "application",
        share: 0.91,
        confidence: 0.96,
        summary: "payments takes 409 ms for its own work in a request, where it took 18 ms.",
        evidence: [
          "114 of 117 requests were slower than the slowest of the baseline",
          "both agents agree to within 1 ms: the time is spent in the service",
          "the calls that payments makes did not change",
        ],
        next: "Look at what changed in payments; its traces of this window show where it waits.",
      },
      {
        hop: id("checkout"),
        cause: "application",
        share: 0.05,
        confidence: 0.52,
        summary: "checkout waits a little longer for a free worker while payments is slow.",
        evidence: ["its own time follows that of payments"],
        next: "Nothing, until payments is well again.",
      },
    ],
    changes: [{ atMs: nowMs - 34_000, what: "payments restarted (payments-1)" }],
  };
}

/** A mesh of `count` services in layers, each calling up to three of the next layer. */
export function largeGraph(count: number, nowMs: number): object {
  const layers = 7;
  const names = Array.from({ length: count }, (_, index) => `service-${String(index).padStart(3, "0")}`);
  const edges = names.flatMap((name, index) => {
    const callees = [index + layers, index * 2 + 3, index + layers * 2 + 1].filter((to) => to < count && to > index);
    return [...new Set(callees)].map((to) =>
      served([name, names[to] ?? name, (index % 9) * 7 + 1, index % 17 === 0 ? 0.96 : 1, 5, 30, 4, 28], nowMs, 30_000),
    );
  });
  return {
    generatedAtMs: nowMs,
    windowMs: 30_000,
    nodes: names.map((name) => ({
      id: id(name),
      namespace: NAMESPACE,
      name,
      role: "service",
      replicas: [1, 2].map((replica) => ({
        instance: `${name}-${replica}`,
        ready: true,
        svidNotAfterMs: nowMs + remainingLife(nowMs, replica * 2_000),
      })),
    })),
    edges,
  };
}

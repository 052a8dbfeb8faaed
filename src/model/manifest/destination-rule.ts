/** `DestinationRule`, as users write it. */
import { z } from "zod";
import type { BalancingPolicy, DestinationRule, HashKey, TrafficPolicy } from "#model";
import { label, labels } from "./fields.ts";
import { metadata } from "./metadata.ts";
import { fieldName, routeDuration } from "./route-fields.ts";

/** Annotation for what Istio has no name for. */
const BALANCER_ANNOTATION = "heddle.dev/load-balancer";

/** Envoy allows eight times as much; an agent would stand still for seconds to build it. */
const RING_SIZE_MAX = 1024 * 1024;
const TABLE_SIZE_MAX = 5_000_011;

function isPrime(value: number): boolean {
  for (let factor = 2; factor * factor <= value; factor++) if (value % factor === 0) return false;
  return value > 1;
}

const consistentHash = z.strictObject({
  httpHeaderName: fieldName.optional(),
  httpQueryParameterName: z.string().min(1).max(256).optional(),
  useSourceIp: z.literal(true).optional(),
  httpCookie: z
    .strictObject({ name: z.string().min(1).max(128), path: z.string().default("/"), ttl: routeDuration.default(0) })
    .optional(),
  ringHash: z.strictObject({ minimumRingSize: z.int().min(1).max(RING_SIZE_MAX).default(1024) }).optional(),
  maglev: z
    .strictObject({ tableSize: z.int().max(TABLE_SIZE_MAX).refine(isPrime, "must be a prime number").default(65_537) })
    .optional(),
});

const percentages = z
  .record(z.string(), z.int().min(0).max(100))
  .refine((to) => Object.values(to).reduce((sum, each) => sum + each, 0) === 100, "must add up to 100");

const locality = z
  .strictObject({
    enabled: z.boolean().default(true),
    distribute: z.array(z.strictObject({ from: z.string(), to: percentages })).default([]),
    failover: z.array(z.strictObject({ from: z.string(), to: z.string() })).default([]),
  })
  .refine(
    ({ distribute, failover }) => distribute.length === 0 || failover.length === 0,
    "has both `distribute` and `failover`",
  );

const SIMPLE = ["UNSPECIFIED", "LEAST_REQUEST", "LEAST_CONN", "ROUND_ROBIN", "RANDOM"] as const;

const loadBalancer = z
  .strictObject({
    simple: z.enum(SIMPLE).optional(),
    consistentHash: consistentHash.optional(),
    localityLbSetting: locality.optional(),
    warmupDurationSecs: routeDuration.optional(),
    warmup: z.strictObject({ duration: routeDuration }).optional(),
  })
  .refine(
    (each) => each.simple === undefined || each.consistentHash === undefined,
    "has both `simple` and `consistentHash`",
  )
  .superRefine(({ consistentHash: hash }, context) => {
    if (hash === undefined || keysOf(hash).length === 1) return;
    const message = "must have one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName";
    context.addIssue({ code: "custom", path: ["consistentHash"], message });
  });

const count = z.int().min(1).max(1_000_000).optional();
const connectionPool = z.strictObject({
  tcp: z.strictObject({ maxConnections: count, connectTimeout: routeDuration.optional() }).default({}),
  http: z
    .strictObject({
      http1MaxPendingRequests: count,
      http2MaxRequests: count,
      maxRetries: z.int().min(0).max(1_000_000).optional(),
    })
    .default({}),
});

const errors = (value: number) => z.int().min(0).max(10_000).default(value);
const percent = (value: number) => z.int().min(0).max(100).default(value);
const outlierDetection = z
  .strictObject({
    consecutive5xxErrors: errors(5),
    consecutiveGatewayErrors: errors(0),
    consecutiveLocalOriginFailures: errors(5),
    splitExternalLocalOriginErrors: z.boolean().default(false),
    interval: routeDuration.default(10_000),
    baseEjectionTime: routeDuration.default(30_000),
    maxEjectionPercent: percent(10),
    minHealthPercent: percent(0),
  })
  .transform(({ interval, baseEjectionTime, ...rest }) => ({
    ...rest,
    intervalMs: Math.max(1, interval),
    baseEjectionMs: Math.max(1, baseEjectionTime),
  }));

const tls = z.strictObject({ mode: z.literal("ISTIO_MUTUAL") });
const trafficPolicy = z.strictObject({
  loadBalancer: loadBalancer.optional(),
  connectionPool: connectionPool.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: tls.optional(),
});

type WrittenHash = z.output<typeof consistentHash>;
type WrittenPolicy = z.output<typeof trafficPolicy>;

function keysOf({ httpHeaderName, httpQueryParameterName, httpCookie, useSourceIp }: WrittenHash): readonly HashKey[] {
  return [
    ...(httpHeaderName === undefined ? [] : [{ kind: "header" as const, name: httpHeaderName }]),
    ...(httpQueryParameterName === undefined ? [] : [{ kind: "query" as const, name: httpQueryParameterName }]),
    ...(useSourceIp === undefined ? [] : [{ kind: "source-ip" as const }]),
    ...(httpCookie === undefined
      ? []
      : [{ kind: "cookie" as const, name: httpCookie.name, path: httpCookie.path, ttlMs: httpCookie.ttl }]),
  ];
}

const BALANCING: Readonly<Record<(typeof SIMPLE)[number], BalancingPolicy>> = {
  UNSPECIFIED: { kind: "least-request" },
  LEAST_REQUEST: { kind: "least-request" },
  LEAST_CONN: { kind: "least-request" },
  ROUND_ROBIN: { kind: "round-robin" },
  RANDOM: { kind: "random" },
};

function balancingOf({ loadBalancer: written }: WrittenPolicy, isPeakEwma: boolean): BalancingPolicy {
  const hash = written?.consistentHash;
  if (hash?.maglev !== undefined) return { kind: "maglev", tableSize: hash.maglev.tableSize };
  if (hash !== undefined) return { kind: "ring-hash", minimumRingSize: hash.ringHash?.minimumRingSize ?? 1024 };
  return isPeakEwma ? { kind: "peak-ewma" } : BALANCING[written?.simple ?? "UNSPECIFIED"];
}

function policyOf(written: WrittenPolicy, isPeakEwma: boolean): TrafficPolicy {
  const { loadBalancer: balancer, connectionPool: pool, outlierDetection: outliers } = written;
  const { enabled = false, distribute = [], failover = [] } = balancer?.localityLbSetting ?? {};
  return {
    balancing: balancingOf(written, isPeakEwma),
    hashKey: balancer?.consistentHash === undefined ? undefined : keysOf(balancer.consistentHash)[0],
    failover,
    distribute,
    isLocal: enabled,
    warmupMs: balancer?.warmup?.duration ?? balancer?.warmupDurationSecs,
    outlierDetection: outliers,
    pool: {
      connections: pool?.tcp.maxConnections,
      pendingRequests: pool?.http.http1MaxPendingRequests,
      requests: pool?.http.http2MaxRequests,
      retries: pool?.http.maxRetries,
      connectTimeoutMs: pool?.tcp.connectTimeout,
    },
  };
}

/** `orders`, `orders.shop` and `orders.shop.svc.cluster.local` are one host. */
function serviceOf(host: string, namespace: string): string | undefined {
  const [name = "", at = namespace, ...rest] = host.split(".");
  const isOfService = rest.length === 0 || rest[0] === "svc";
  return isOfService && at === namespace ? name : undefined;
}

export const destinationRule = z
  .strictObject({
    apiVersion: z.enum(["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"]),
    kind: z.literal("DestinationRule"),
    metadata: metadata(true),
    spec: z.strictObject({
      host: z.string().min(1).max(253),
      trafficPolicy: trafficPolicy.optional(),
      subsets: z
        .array(z.strictObject({ name: label, labels: labels.default({}), trafficPolicy: trafficPolicy.optional() }))
        .max(64)
        .default([]),
    }),
    status: z.unknown().optional(),
  })
  .superRefine(({ metadata: named, spec: { host } }, context) => {
    if (serviceOf(host, named.namespace) !== undefined) return;
    const message = `must be a service of the rule's own namespace, ${named.namespace}: rules for others' services are theirs to write`;
    context.addIssue({ code: "custom", path: ["spec", "host"], message });
  })
  .superRefine(({ metadata: { annotations } }, context) => {
    const asked = annotations[BALANCER_ANNOTATION];
    if (asked === undefined || asked === "PEAK_EWMA") return;
    const path = ["metadata", "annotations", BALANCER_ANNOTATION];
    context.addIssue({
      code: "custom",
      path,
      message: "must be `PEAK_EWMA`; all others stand in `loadBalancer.simple`",
    });
  })
  .transform(({ kind, metadata: named, spec: { host, trafficPolicy: written, subsets } }): DestinationRule => {
    const isPeakEwma = named.annotations[BALANCER_ANNOTATION] === "PEAK_EWMA";
    const policy = written === undefined && !isPeakEwma ? undefined : policyOf(written ?? {}, isPeakEwma);
    return {
      apiVersion: "networking.istio.io/v1",
      kind,
      metadata: named,
      spec: {
        service: serviceOf(host, named.namespace) ?? "",
        trafficPolicy: policy,
        subsets: subsets.map(({ trafficPolicy: own, ...subset }) => ({
          ...subset,
          trafficPolicy: own === undefined ? undefined : policyOf(own, isPeakEwma),
        })),
      },
    };
  });

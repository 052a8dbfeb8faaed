/** `DestinationRule`s as users write them. Read again they are the same rules. */
import type { BalancingPolicy, DestinationRule, HashKey, OutlierDetection, TrafficPolicy } from "#model";
import { formatDuration } from "./fields.ts";

export function destinationRuleSpec({ service, trafficPolicy, subsets }: DestinationRule["spec"]): object {
  return {
    host: service,
    trafficPolicy: trafficPolicy && writtenPolicy(trafficPolicy),
    subsets: subsets.map((each) => ({
      ...each,
      trafficPolicy: each.trafficPolicy && writtenPolicy(each.trafficPolicy),
    })),
  };
}

function writtenPolicy({
  balancing,
  hashKey,
  failover,
  distribute,
  isLocal,
  warmupMs,
  ...rest
}: TrafficPolicy): object {
  const { connections, pendingRequests, requests, retries, connectTimeoutMs } = rest.pool;
  return {
    loadBalancer: {
      ...writtenBalancing(balancing, hashKey),
      localityLbSetting: isLocal ? { enabled: true, distribute, failover } : undefined,
      warmup: warmupMs === undefined ? undefined : { duration: formatDuration(warmupMs) },
    },
    connectionPool: {
      tcp: { maxConnections: connections, connectTimeout: connectTimeoutMs && formatDuration(connectTimeoutMs) },
      http: { http1MaxPendingRequests: pendingRequests, http2MaxRequests: requests, maxRetries: retries },
    },
    outlierDetection: rest.outlierDetection && writtenDetection(rest.outlierDetection),
  };
}

function writtenDetection({ intervalMs, baseEjectionMs, ...rest }: OutlierDetection): object {
  return { ...rest, interval: formatDuration(intervalMs), baseEjectionTime: formatDuration(baseEjectionMs) };
}

function writtenBalancing(balancing: BalancingPolicy, key: HashKey | undefined): object {
  switch (balancing.kind) {
    case "ring-hash":
      return { consistentHash: { ...writtenKey(key), ringHash: { minimumRingSize: balancing.minimumRingSize } } };
    case "maglev":
      return { consistentHash: { ...writtenKey(key), maglev: { tableSize: balancing.tableSize } } };
    case "round-robin":
      return { simple: "ROUND_ROBIN" };
    case "random":
      return { simple: "RANDOM" };
    case "peak-ewma":
    case "least-request":
      return { simple: "LEAST_REQUEST" };
  }
}

function writtenKey(key: HashKey | undefined): object {
  switch (key?.kind) {
    case "header":
      return { httpHeaderName: key.name };
    case "query":
      return { httpQueryParameterName: key.name };
    case "source-ip":
      return { useSourceIp: true };
    case "cookie":
      return { httpCookie: { name: key.name, path: key.path, ttl: formatDuration(key.ttlMs) } };
    case undefined:
      return {};
  }
}

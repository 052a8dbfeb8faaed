import { describe, expect, test } from "bun:test";
import { parseManifests, writeManifests } from "./index.ts";

function read(spec: string, annotations = "{}") {
  const text = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop, annotations: ${annotations} }
spec: ${spec}
`;
  return parseManifests([{ file: "a.yaml", text }]);
}

function policyOf(spec: string, annotations?: string) {
  const result = read(spec, annotations);
  if (!result.ok) throw new Error(result.problems.map(({ at, message }) => `${at?.field} ${message}`).join("; "));
  const [rule] = result.value;
  return rule?.kind === "DestinationRule" ? rule.spec : undefined;
}

describe("a destination rule", () => {
  test("has Istio's defaults", () => {
    expect(policyOf("{ host: orders, trafficPolicy: { outlierDetection: {} } }")).toMatchObject({
      service: "orders",
      trafficPolicy: {
        balancing: { kind: "least-request" },
        outlierDetection: {
          consecutive5xxErrors: 5,
          consecutiveGatewayErrors: 0,
          intervalMs: 10_000,
          baseEjectionMs: 30_000,
          maxEjectionPercent: 10,
        },
        pool: { connections: undefined },
      },
    });
  });

  test.each([
    ["simple: ROUND_ROBIN", { kind: "round-robin" }, undefined],
    [
      "consistentHash: { httpHeaderName: X-User }",
      { kind: "ring-hash", minimumRingSize: 1024 },
      { kind: "header", name: "x-user" },
    ],
    ["consistentHash: { useSourceIp: true, maglev: {} }", { kind: "maglev", tableSize: 65_537 }, { kind: "source-ip" }],
    [
      "consistentHash: { httpCookie: { name: s, ttl: 1h }, ringHash: { minimumRingSize: 5 } }",
      { kind: "ring-hash", minimumRingSize: 5 },
      { kind: "cookie", name: "s", path: "/", ttlMs: 3_600_000 },
    ],
  ])("balances by { %s }", (written, balancing, hashKey) => {
    const policy = policyOf(
      `{ host: orders.shop.svc.cluster.local, trafficPolicy: { loadBalancer: { ${written} } } }`,
    )?.trafficPolicy;
    expect<unknown>(policy?.balancing).toEqual(balancing);
    expect<unknown>(policy?.hashKey).toEqual(hashKey);
  });

  test("balances by what Istio has no name for, when an annotation asks for it", () => {
    expect(
      policyOf("{ host: orders }", '{ "heddle.dev/load-balancer": PEAK_EWMA }')?.trafficPolicy?.balancing.kind,
    ).toBe("peak-ewma");
  });

  test("is the same when written and read again", () => {
    const spec = `{ host: orders, trafficPolicy: {
      loadBalancer: { simple: RANDOM, localityLbSetting: { failover: [{ from: a, to: b }] }, warmupDurationSecs: 30s },
      connectionPool: { tcp: { maxConnections: 7, connectTimeout: 2s }, http: { http2MaxRequests: 9, http1MaxPendingRequests: 3, maxRetries: 0 } },
      outlierDetection: { consecutive5xxErrors: 2, splitExternalLocalOriginErrors: true, interval: 1m30s } },
      subsets: [{ name: v2, labels: { version: v2 }, trafficPolicy: { loadBalancer: { consistentHash: { httpQueryParameterName: q } } } }] }`;
    const first = read(spec);
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    expect(parseManifests([{ file: "b.yaml", text: writeManifests(first.value) }])).toEqual(first);
  });

  test.each([
    ["a service of others", "{ host: orders.pay }", "own namespace"],
    [
      "two keys",
      "{ host: orders, trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true, httpHeaderName: a } } } }",
      "must have one of",
    ],
    [
      "a table that is no prime",
      "{ host: orders, trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true, maglev: { tableSize: 100 } } } } }",
      "prime",
    ],
    [
      "shares that are no whole",
      "{ host: orders, trafficPolicy: { loadBalancer: { localityLbSetting: { distribute: [{ from: a, to: { b: 10 } }] } } } }",
      "add up to 100",
    ],
    [
      "a field that is not supported",
      "{ host: orders, trafficPolicy: { portLevelSettings: [] } }",
      "there is no field",
    ],
    ["plaintext", "{ host: orders, trafficPolicy: { tls: { mode: DISABLE } } }", "ISTIO_MUTUAL"],
  ])("with %s is refused", (_name, spec, want) => {
    const result = read(spec);
    expect(result.ok ? "" : result.problems.map(({ message }) => message).join("\n")).toContain(want);
  });
});

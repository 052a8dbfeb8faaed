import type { Cause } from "../../api-client/shapes.ts";

/** A hop is a service, `shop/cart`, or what lies between two, `shop/storefront → shop/cart`; shown without namespaces. */
export function hopName(hop: string): string {
  return hop
    .split(" → ")
    .map((end) => end.slice(end.indexOf("/") + 1))
    .join(" → ");
}

const CAUSES: Readonly<Record<Cause, string>> = {
  application: "the service itself",
  "bad-replica": "one bad replica",
  "bad-version": "one bad version",
  "skewed-balancing": "uneven balancing",
  "retry-storm": "a storm of retries",
  client: "the caller itself",
  "load-balancer": "the load balancer",
  network: "the network",
  proxy: "the proxy",
  "policy-denial": "a policy denies",
  discovery: "no endpoint",
  certificate: "a certificate",
  overload: "overload",
  "host-contention": "the host is busy",
};

/** A cause in plain words. */
export function causeName(cause: Cause): string {
  return CAUSES[cause];
}

/** How much a hop grew, such as `+380 ms`, or nothing when the change would not be seen. */
export function growth(baselineMs: number, currentMs: number): string | undefined {
  const change = currentMs - baselineMs;
  if (Math.abs(change) < 0.5) return;
  return `${change > 0 ? "+" : "−"}${Math.abs(change) < 10 ? Math.abs(change).toFixed(1) : Math.round(Math.abs(change))} ms`;
}

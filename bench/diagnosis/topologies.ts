/** The made-up applications in which incidents happen: which services there are, whom they call, and what stands between them. */

export interface Callee {
  readonly to: string;
  /** How often it is called for a request. Default 1. */
  readonly chance?: number;
  /** Whether a failure of the call leaves the caller's own answer good. Default false. */
  readonly isOptional?: boolean;
}

export interface ServiceNode {
  readonly kind: "service";
  readonly name: string;
  /** Mean time that it takes by itself, ms. */
  readonly ownMs: number;
  /** Requests that one replica works on at once. Default 64. */
  readonly slots?: number;
  readonly replicas?: number;
  /** Instead of replicas: versions with as many replicas each. */
  readonly versions?: Readonly<Record<string, number>>;
  /** Groups that run one after the other; the calls of a group run at once. */
  readonly calls?: readonly (readonly Callee[])[];
  /** Whether its agent is reached through a stretch of network that can be made bad; only with one replica. */
  readonly hasWay?: boolean;
}

export interface BalancerNode {
  readonly kind: "balancer";
  readonly name: string;
  readonly program: "haproxy" | "nginx";
  readonly to: string;
}

export type TopologyNode = ServiceNode | BalancerNode;

export interface Topology {
  readonly name: string;
  /** What the gateway sends everything to. */
  readonly entry: string;
  readonly requestsPerSecond: number;
  readonly nodes: readonly TopologyNode[];
}

const one = (to: string, rest: Omit<Callee, "to"> = {}): readonly Callee[] => [{ to, ...rest }];

const CHAIN: Topology = {
  name: "chain",
  entry: "front-lb",
  requestsPerSecond: 25,
  nodes: [
    { kind: "balancer", name: "front-lb", program: "haproxy", to: "api" },
    { kind: "service", name: "api", ownMs: 4, replicas: 2, calls: [one("orders")] },
    { kind: "service", name: "orders", ownMs: 6, versions: { v1: 2, v2: 1 }, calls: [one("stock")] },
    { kind: "service", name: "stock", ownMs: 12, slots: 1, hasWay: true },
  ],
};

const FAN: Topology = {
  name: "fan",
  entry: "front-lb",
  requestsPerSecond: 20,
  nodes: [
    { kind: "balancer", name: "front-lb", program: "nginx", to: "page" },
    {
      kind: "service",
      name: "page",
      ownMs: 3,
      replicas: 2,
      calls: [[{ to: "prices" }, { to: "reviews", isOptional: true }, { to: "images" }]],
    },
    { kind: "service", name: "prices", ownMs: 8, replicas: 2 },
    { kind: "service", name: "reviews", ownMs: 6 },
    { kind: "service", name: "images", ownMs: 5, calls: [one("disk")] },
    { kind: "service", name: "disk", ownMs: 14, slots: 1, hasWay: true },
  ],
};

const SHARED: Topology = {
  name: "shared",
  entry: "web",
  requestsPerSecond: 20,
  nodes: [
    { kind: "service", name: "web", ownMs: 3, calls: [one("accounts"), one("billing", { chance: 0.6 })] },
    { kind: "service", name: "accounts", ownMs: 5, replicas: 2, calls: [one("store")] },
    { kind: "service", name: "billing", ownMs: 7, versions: { v1: 1, v2: 1 }, calls: [one("store")] },
    { kind: "service", name: "store", ownMs: 9, slots: 1, hasWay: true },
  ],
};

const BETWEEN: Topology = {
  name: "between",
  entry: "app",
  requestsPerSecond: 25,
  nodes: [
    { kind: "service", name: "app", ownMs: 4, replicas: 2, calls: [one("inner-lb")] },
    { kind: "balancer", name: "inner-lb", program: "haproxy", to: "search" },
    { kind: "service", name: "search", ownMs: 28, slots: 1, replicas: 3, calls: [one("index", { chance: 0.8 })] },
    { kind: "service", name: "index", ownMs: 6, hasWay: true },
  ],
};

const DIAMOND: Topology = {
  name: "diamond",
  entry: "gate",
  requestsPerSecond: 20,
  nodes: [
    { kind: "service", name: "gate", ownMs: 3, calls: [[{ to: "left" }, { to: "right" }]] },
    { kind: "service", name: "left", ownMs: 6, replicas: 2, calls: [one("base")] },
    { kind: "service", name: "right", ownMs: 9, versions: { v1: 1, v2: 1 }, calls: [one("base")] },
    { kind: "service", name: "base", ownMs: 18, slots: 1, replicas: 2 },
  ],
};

const SHOP: Topology = {
  name: "shop",
  entry: "lb",
  requestsPerSecond: 20,
  nodes: [
    { kind: "balancer", name: "lb", program: "nginx", to: "storefront" },
    {
      kind: "service",
      name: "storefront",
      ownMs: 4,
      replicas: 2,
      calls: [
        [{ to: "catalog" }, { to: "advice", chance: 0.6, isOptional: true }],
        one("cart", { chance: 0.7 }),
        one("checkout", { chance: 0.4 }),
      ],
    },
    { kind: "service", name: "catalog", ownMs: 4 },
    { kind: "service", name: "advice", ownMs: 6 },
    { kind: "service", name: "cart", ownMs: 4, replicas: 2 },
    { kind: "service", name: "checkout", ownMs: 5, calls: [one("payments"), one("inner-lb")] },
    { kind: "service", name: "payments", ownMs: 30, slots: 1, hasWay: true },
    { kind: "balancer", name: "inner-lb", program: "haproxy", to: "inventory" },
    { kind: "service", name: "inventory", ownMs: 5, replicas: 2 },
  ],
};

export const TOPOLOGIES: readonly Topology[] = [CHAIN, FAN, SHARED, BETWEEN, DIAMOND, SHOP];
export const NAMESPACE = "lab";

export const isService = (node: TopologyNode): node is ServiceNode => node.kind === "service";

/** Names of a service's replicas, as the supervisor gives them. */
export function instancesOf({ name, replicas = 1, versions }: ServiceNode): readonly string[] {
  const numbered = (stem: string, count: number): readonly string[] =>
    count === 1 ? [stem] : Array.from({ length: count }, (_, index) => `${stem}-${index + 1}`);
  if (versions === undefined) return numbered(name, replicas);
  return Object.entries(versions).flatMap(([version, count]) => numbered(`${name}-${version}`, count));
}

/** Who calls a node, by name; the gateway for the entry. */
export function callersOf(topology: Topology, name: string): readonly string[] {
  const callers = topology.nodes.filter((node) =>
    node.kind === "balancer"
      ? node.to === name
      : (node.calls ?? []).some((group) => group.some(({ to }) => to === name)),
  );
  return [...(topology.entry === name ? ["edge"] : []), ...callers.map((node) => node.name)];
}

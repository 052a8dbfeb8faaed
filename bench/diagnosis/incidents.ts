/** Generated incidents: what is done to a made-up application, and what an honest diagnosis must then say. */
import type { Cause } from "#diagnosis";
import type { Random } from "#engine/random";
import { callersOf, instancesOf, isService, NAMESPACE, type ServiceNode, type Topology } from "./topologies.ts";

export interface Blame {
  readonly hop: string;
  readonly cause: Cause;
}

/** One thing that is done while an incident lasts. */
export type Effect =
  /** For the programs of that name, replica or version. */
  | { readonly kind: "fault"; readonly name: string; readonly fault: Readonly<Record<string, number | boolean>> }
  | { readonly kind: "resource"; readonly document: object }
  | { readonly kind: "traffic"; readonly traffic: Traffic }
  /** The agent of that replica gets no processor for most of the time. */
  | { readonly kind: "stall"; readonly instance: string };

export interface Traffic {
  /** Of the topology's rate. */
  readonly times?: number;
  /** That share of the callers leaves after so long. */
  readonly abandon?: { readonly share: number; readonly afterMs: number };
  /** All requests are of one user. */
  readonly isOneUser?: boolean;
}

export interface Incident {
  readonly name: string;
  readonly topology: Topology;
  readonly kinds: readonly string[];
  /** Every culprit there is: one, or two for a pair. */
  readonly truths: readonly Blame[];
  readonly effects: readonly Effect[];
}

interface Trouble {
  readonly at: string;
  readonly truth: Blame;
  readonly effects: readonly Effect[];
}

type Maker = (topology: Topology, random: Random) => Trouble | undefined;

const node = (name: string): string => `${NAMESPACE}/${name}`;
const pick = <T>(from: readonly T[], random: Random): T | undefined => from[Math.floor(random.next() * from.length)];
const between = (low: number, high: number, random: Random): number => Math.round(low + (high - low) * random.next());
const services = (topology: Topology): readonly ServiceNode[] => topology.nodes.filter(isService);
const fault = (name: string, what: Readonly<Record<string, number | boolean>>): readonly Effect[] => [
  { kind: "fault", name, fault: what },
];

/** A failure of what is optional to everybody does nobody harm, so that it is no incident. */
function isNeeded(topology: Topology, name: string): boolean {
  const asked = services(topology).flatMap(({ calls = [] }) => calls.flat().filter(({ to }) => to === name));
  return asked.length === 0 || asked.some(({ isOptional = false }) => !isOptional);
}

const needed = (topology: Topology): readonly ServiceNode[] =>
  services(topology).filter(({ name }) => isNeeded(topology, name));
const replicated = (topology: Topology): readonly ServiceNode[] =>
  needed(topology).filter(({ replicas = 1, versions }) => replicas > 1 && versions === undefined);
const versioned = (topology: Topology): readonly ServiceNode[] =>
  needed(topology).filter(({ versions }) => versions !== undefined);
const narrow = (topology: Topology): ServiceNode | undefined => services(topology).find(({ slots }) => slots === 1);
const remote = (topology: Topology): ServiceNode | undefined => services(topology).find(({ hasWay }) => hasWay);

const slowness = (random: Random): { readonly delayMs: number } => ({ delayMs: between(40, 200, random) });
const failures = (random: Random): { readonly status: number; readonly share: number } => ({
  status: 500,
  share: between(15, 60, random) / 100,
});

function atService(what: (random: Random) => Readonly<Record<string, number>>): Maker {
  return (topology, random) => {
    const at = pick(needed(topology), random);
    if (at === undefined) return undefined;
    return { at: at.name, truth: { hop: node(at.name), cause: "application" }, effects: fault(at.name, what(random)) };
  };
}

function atReplica(what: (random: Random) => Readonly<Record<string, number>>): Maker {
  return (topology, random) => {
    const at = pick(replicated(topology), random);
    const replica = at === undefined ? undefined : pick(instancesOf(at), random);
    if (at === undefined || replica === undefined) return undefined;
    return { at: at.name, truth: { hop: replica, cause: "bad-replica" }, effects: fault(replica, what(random)) };
  };
}

function atVersion(what: (random: Random) => Readonly<Record<string, number>>): Maker {
  return (topology, random) => {
    const at = pick(versioned(topology), random);
    const version = at === undefined ? undefined : pick(Object.keys(at.versions ?? {}), random);
    if (at === undefined || version === undefined) return undefined;
    const name = `${at.name}@${version}`;
    return { at: at.name, truth: { hop: node(name), cause: "bad-version" }, effects: fault(name, what(random)) };
  };
}

function atBalancer(
  what: (program: "haproxy" | "nginx", topology: Topology, random: Random) => Record<string, number>,
): Maker {
  return (topology, random) => {
    const at = pick(
      topology.nodes.filter((each) => each.kind === "balancer"),
      random,
    );
    if (at === undefined) return undefined;
    const effects = fault(at.name, what(at.program, topology, random));
    return { at: at.name, truth: { hop: node(at.name), cause: "load-balancer" }, effects };
  };
}

/** On the stretch of network in front of a service's agent; from whom it is called is part of the answer. */
function onTheWay(what: (random: Random) => Record<string, number | boolean>, cause: Cause): Maker {
  return (topology, random) => {
    const at = remote(topology);
    const callers = at === undefined ? [] : callersOf(topology, at.name);
    const [caller] = callers;
    if (at === undefined || caller === undefined) return undefined;
    const hop = cause === "network" ? `${node(caller)} → ${node(at.name)}` : node(at.name);
    return { at: at.name, truth: { hop, cause }, effects: fault(`${at.name}-way`, what(random)) };
  };
}

const denied: Maker = (topology, random) => {
  const at = pick(
    needed(topology).filter(({ name }) => callersOf(topology, name).some((each) => each !== "edge")),
    random,
  );
  const caller = at === undefined ? undefined : pick(callersOf(topology, at.name), random);
  if (at === undefined || caller === undefined) return undefined;
  const document = {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "incident", namespace: NAMESPACE },
    spec: {
      selector: { matchLabels: { app: at.name } },
      action: "DENY",
      rules: [{ from: [{ source: { principals: [`lab.example/ns/${NAMESPACE}/sa/${caller}`] } }] }],
    },
  };
  return {
    at: at.name,
    truth: { hop: node(at.name), cause: "policy-denial" },
    effects: [{ kind: "resource", document }],
  };
};

/** Somebody mistypes the service that a route leads to. */
const misrouted: Maker = (topology, random) => {
  const at = pick(
    needed(topology).filter(({ name }) => name !== topology.entry),
    random,
  );
  if (at === undefined) return undefined;
  const document = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "incident", namespace: NAMESPACE },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: at.name }],
      rules: [{ backendRefs: [{ name: `${at.name}s`, port: 80 }] }],
    },
  };
  return { at: at.name, truth: { hop: node(at.name), cause: "discovery" }, effects: [{ kind: "resource", document }] };
};

const down: Maker = (topology, random) => {
  const single = needed(topology).filter(({ replicas = 1, versions }) => replicas === 1 && versions === undefined);
  const at = pick(single, random);
  if (at === undefined) return undefined;
  return {
    at: at.name,
    truth: { hop: node(at.name), cause: "application" },
    effects: fault(at.name, { isDown: true }),
  };
};

const crowd: Maker = (topology) => {
  const at = narrow(topology);
  if (at === undefined) return undefined;
  return {
    at: at.name,
    truth: { hop: node(at.name), cause: "overload" },
    effects: [{ kind: "traffic", traffic: { times: 4 } }],
  };
};

const retries: Maker = (topology) => {
  const at = narrow(topology);
  const programs = new Set(services(topology).map(({ name }) => name));
  const caller = at === undefined ? undefined : callersOf(topology, at.name).find((name) => programs.has(name));
  if (caller === undefined) return undefined;
  return { at: caller, truth: { hop: node(caller), cause: "retry-storm" }, effects: fault(caller, { repeats: 4 }) };
};

const skewed: Maker = (topology) => {
  const at = services(topology).find(({ slots, replicas = 1 }) => slots === 1 && replicas > 1);
  if (at === undefined) return undefined;
  const document = {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "incident", namespace: NAMESPACE },
    spec: {
      host: at.name,
      trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: "x-user" } } },
    },
  };
  return {
    at: at.name,
    truth: { hop: node(at.name), cause: "skewed-balancing" },
    effects: [
      { kind: "resource", document },
      { kind: "traffic", traffic: { isOneUser: true, times: 1.1 } },
    ],
  };
};

const impatient: Maker = () => ({
  at: "external",
  truth: { hop: "external", cause: "client" },
  effects: [{ kind: "traffic", traffic: { abandon: { share: 0.5, afterMs: 8 } } }],
});

const stalled: Maker = (topology, random) => {
  const single = needed(topology).filter(({ replicas = 1, versions }) => replicas === 1 && versions === undefined);
  const at = pick(single, random);
  if (at === undefined) return undefined;
  return {
    at: at.name,
    truth: { hop: node(at.name), cause: "proxy" },
    effects: [{ kind: "stall", instance: at.name }],
  };
};

const slowBalancer = atBalancer((program, topology, random) =>
  program === "haproxy"
    ? { delayMs: between(50, 250, random) }
    : { requestsPerSecond: Math.round(topology.requestsPerSecond * 0.8) },
);

export const KINDS: Readonly<Record<string, Maker>> = {
  "slow-service": atService(slowness),
  "failing-service": atService(failures),
  "slow-replica": atReplica((random) => ({ delayMs: between(80, 300, random) })),
  "failing-replica": atReplica(failures),
  "slow-version": atVersion((random) => ({ delayMs: between(80, 300, random) })),
  "failing-version": atVersion(failures),
  "slow-balancer": slowBalancer,
  "failing-balancer": atBalancer((_program, _topology, random) => ({ share: between(10, 40, random) / 100 })),
  "slow-way": onTheWay((random) => ({ delayMs: between(40, 150, random) }), "network"),
  "broken-way": onTheWay(() => ({ cutsPerSecond: 8 }), "network"),
  "wrong-identity": onTheWay(() => ({ isWrong: true }), "certificate"),
  denied,
  misrouted,
  down,
  crowd,
  retries,
  skewed,
  impatient,
  stalled,
};

/** Kinds that leave room for another in the same application at the same time. */
const PAIRABLE = [
  "slow-service",
  "failing-service",
  "slow-replica",
  "failing-replica",
  "slow-version",
  "slow-balancer",
  "failing-balancer",
  "slow-way",
  "denied",
] as const;

/** Every kind once where the topology has a place for it, then as many pairs as asked for; the same for the same seed. */
export function incidentsIn(topology: Topology, pairs: number, random: Random): readonly Incident[] {
  const alone = Object.entries(KINDS).flatMap(([kind, make]) => {
    const trouble = make(topology, random);
    return trouble === undefined ? [] : [incidentOf(topology, [[kind, trouble]])];
  });
  const together: Incident[] = [];
  for (let attempt = 0; together.length < pairs && attempt < 100; attempt++) {
    const [a, b] = [pick(PAIRABLE, random), pick(PAIRABLE, random)];
    if (a === undefined || b === undefined || a === b) continue;
    const [first, second] = [KINDS[a]?.(topology, random), KINDS[b]?.(topology, random)];
    if (first === undefined || second === undefined || first.at === second.at) continue;
    together.push(
      incidentOf(topology, [
        [a, first],
        [b, second],
      ]),
    );
  }
  return [...alone, ...together];
}

function incidentOf(topology: Topology, troubles: readonly (readonly [kind: string, trouble: Trouble])[]): Incident {
  return {
    name: `${topology.name}: ${troubles.map(([kind, { at }]) => `${kind} at ${at}`).join(" and ")}`,
    topology,
    kinds: troubles.map(([kind]) => kind),
    truths: troubles.map(([, { truth }]) => truth),
    effects: troubles.flatMap(([, { effects }]) => effects),
  };
}

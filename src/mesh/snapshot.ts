import type { Bundle, TrustDomain } from "#identity";
import type {
  AccessPolicy,
  AuthorizationPolicy,
  AuthorizationProvider,
  DestinationRule,
  Mesh,
  NamedProvider,
  Namespace,
  NetworkPolicy,
  RateLimitPolicy,
  ReferenceGrant,
  RequestAuthentication,
  RequestPolicy,
  Resource,
  Route,
  Service,
  ServiceAccount,
  ServiceKey,
  WorkloadEntry,
} from "#model";
import {
  type LimitSet,
  lowerAuthorizationPolicy,
  lowerRateLimitPolicy,
  type RuleSet,
  type ScopedPolicy,
} from "#policy";
import { type MeshAccess, NO_ACCESS } from "./access.ts";
import { byAge } from "./age.ts";
import { type PeerRule, peerRulesOf } from "./mtls-mode.ts";
import type { Registration } from "./registration.ts";
import { type MeshRoutes, NO_ROUTES, resolveRoutes } from "./routes.ts";
import { type MeshService, resolveServices } from "./services.ts";
import { defaultSettings, type MeshSettings, settingsOf } from "./settings.ts";
import { type IssuerKeys, type MeshTokens, meshTokensOf, NO_TOKENS } from "./tokens.ts";

/** One picture of the whole mesh. Never written after it is made; it shares with its predecessor whatever did not change. */
export interface MeshSnapshot {
  /** Rises by one with every change. */
  readonly revision: number;
  readonly settings: MeshSettings;
  /** The own trust domain's first. */
  readonly bundles: readonly Bundle[];
  readonly policies: readonly AuthorizationPolicy[];
  /** Each policy in the one form that is decided by. */
  readonly ruleSets: ReadonlyMap<AuthorizationPolicy, RuleSet>;
  readonly access: MeshAccess;
  readonly limitPolicies: readonly RateLimitPolicy[];
  readonly limitSets: ReadonlyMap<RateLimitPolicy, LimitSet>;
  readonly tokens: MeshTokens;
  /** External authorizers, in order of name. */
  readonly providers: readonly NamedProvider[];
  /** The PeerAuthentications, the oldest first. */
  readonly peerRules: readonly PeerRule[];
  readonly services: ReadonlyMap<ServiceKey, MeshService>;
  readonly routes: MeshRoutes;
  readonly inputs: MeshInputs;
}

/** Everything that a snapshot is made from. */
export interface MeshInputs {
  readonly resources: readonly Resource[];
  /** By `namespace/instance`. */
  readonly registrations: ReadonlyMap<string, Registration>;
  readonly bundles: readonly Bundle[];
  readonly issuerKeys: IssuerKeys;
}

/** The inputs that changed, each whole. */
export type MeshChange = Partial<MeshInputs>;

/** The snapshot before anything is known: revision 0, default settings. */
export function emptySnapshot(trustDomain: TrustDomain): MeshSnapshot {
  return {
    revision: 0,
    settings: defaultSettings(trustDomain),
    bundles: [],
    policies: [],
    ruleSets: new Map(),
    access: NO_ACCESS,
    limitPolicies: [],
    limitSets: new Map(),
    tokens: NO_TOKENS,
    providers: [],
    peerRules: [],
    services: new Map(),
    routes: NO_ROUTES,
    inputs: { resources: [], registrations: new Map(), bundles: [], issuerKeys: new Map() },
  };
}

/** What agents are told of, each part shared as long as it stays the same. */
const PARTS = [
  "settings",
  "bundles",
  "policies",
  "access",
  "limitPolicies",
  "tokens",
  "providers",
  "peerRules",
  "services",
  "routes",
] as const satisfies readonly (keyof MeshSnapshot)[];

/** The next snapshot; the previous one itself when the change makes no difference to any agent. */
export function nextSnapshot(previous: MeshSnapshot, change: MeshChange): MeshSnapshot {
  const inputs = { ...previous.inputs, ...change };
  const { trustDomain } = previous.settings;
  const { resources } = inputs;
  const settings = keep(previous.settings, settingsOf(only(resources, "Mesh")[0] as Mesh | undefined, trustDomain));
  const policies = keepPolicies(previous.policies, policiesOf(resources));
  const limitPolicies = keepPolicies(previous.limitPolicies, limitPoliciesOf(resources));
  const services = resolveServices(
    {
      trustDomain,
      services: only(resources, "Service") as readonly Service[],
      entries: only(resources, "WorkloadEntry") as readonly WorkloadEntry[],
      rules: (only(resources, "DestinationRule") as readonly DestinationRule[]).toSorted(byAge),
      registrations: inputs.registrations,
    },
    previous.services,
  );
  const next: MeshSnapshot = {
    revision: previous.revision + 1,
    settings,
    bundles: sameItems(previous.bundles, inputs.bundles) ? previous.bundles : inputs.bundles,
    policies,
    ruleSets: lowerAll(policies, previous.ruleSets, lowerAuthorizationPolicy),
    access: keep(previous.access, accessOf(resources)),
    limitPolicies,
    limitSets: lowerAll(limitPolicies, previous.limitSets, lowerRateLimitPolicy),
    tokens: keep(previous.tokens, tokensOf(inputs)),
    providers: keep(previous.providers, providersOf(resources)),
    peerRules: keep(previous.peerRules, peerRulesOf(resources)),
    services,
    routes: nextRoutes(previous, { resources, services }),
    inputs,
  };
  return PARTS.every((part) => next[part] === previous[part]) ? { ...previous, inputs } : next;
}

function only(resources: readonly Resource[], kind: Resource["kind"]): readonly Resource[] {
  return resources.filter((each) => each.kind === kind);
}

function policiesOf(resources: readonly Resource[]): readonly AuthorizationPolicy[] {
  return only(resources, "AuthorizationPolicy") as readonly AuthorizationPolicy[];
}

/** Without policies, namespaces and accounts decide nothing but the posture of a namespace. */
function accessOf(resources: readonly Resource[]): MeshAccess {
  const policies = only(resources, "AccessPolicy") as readonly AccessPolicy[];
  const namespaces = only(resources, "Namespace") as readonly Namespace[];
  const networkPolicies = only(resources, "NetworkPolicy") as readonly NetworkPolicy[];
  const accounts =
    policies.length + networkPolicies.length === 0
      ? []
      : (only(resources, "ServiceAccount") as readonly ServiceAccount[]);
  return { policies, networkPolicies, namespaces, accounts };
}

function providersOf(resources: readonly Resource[]): readonly NamedProvider[] {
  return (only(resources, "AuthorizationProvider") as readonly AuthorizationProvider[])
    .map(({ metadata, spec }) => ({ name: metadata.name, ...spec }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function tokensOf({ resources, issuerKeys }: MeshInputs): MeshTokens {
  const policies = only(resources, "RequestAuthentication") as readonly RequestAuthentication[];
  return policies.length === 0
    ? NO_TOKENS
    : meshTokensOf(policies, only(resources, "Service") as readonly Service[], issuerKeys);
}

function limitPoliciesOf(resources: readonly Resource[]): readonly RateLimitPolicy[] {
  return only(resources, "RateLimitPolicy") as readonly RateLimitPolicy[];
}

const ROUTE_KINDS: ReadonlySet<Resource["kind"]> = new Set(["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"]);

function routeSources(resources: readonly Resource[]) {
  return {
    routes: resources.filter((each) => ROUTE_KINDS.has(each.kind)) as readonly Route[],
    grants: only(resources, "ReferenceGrant") as readonly ReferenceGrant[],
    policies: only(resources, "RequestPolicy") as readonly RequestPolicy[],
  };
}

/** Routes that come out as before are the old objects. What serves behind a service does not concern them. */
function nextRoutes(
  previous: MeshSnapshot,
  { resources, services }: Pick<MeshSnapshot, "services"> & Pick<MeshInputs, "resources">,
): MeshRoutes {
  if (resources === previous.inputs.resources && haveSameFaces(services, previous.services)) return previous.routes;
  const found = resolveRoutes({ ...routeSources(resources), services });
  return routesText(previous.routes) === routesText(found) ? previous.routes : found;
}

/** Whether the services have the same names and ports. */
function haveSameFaces(a: MeshSnapshot["services"], b: MeshSnapshot["services"]): boolean {
  const isSame = ({ key, ports }: MeshService): boolean => JSON.stringify(b.get(key)?.ports) === JSON.stringify(ports);
  return a === b || (a.size === b.size && [...a.values()].every(isSame));
}

function routesText({ attached, statuses }: MeshRoutes): string {
  const routes = [...attached].map(([key, { producer, consumers }]) => [key, producer, [...consumers]]);
  return JSON.stringify([routes, [...statuses]]);
}

/** Each policy lowered; the map itself when it holds these policies and no others. */
function lowerAll<P, S>(policies: readonly P[], held: ReadonlyMap<P, S>, lower: (policy: P) => S): ReadonlyMap<P, S> {
  if (held.size === policies.length && policies.every((each) => held.has(each))) return held;
  return new Map(policies.map((each) => [each, held.get(each) ?? lower(each)]));
}

/** Policies that a reader of the store made anew, but that say the same, are the old objects. */
function keepPolicies<P extends ScopedPolicy & Pick<Resource, "metadata">>(
  previous: readonly P[],
  found: readonly P[],
): readonly P[] {
  const held = new Map(previous.map((each) => [policyText(each), each]));
  const kept = found.map((each) => held.get(policyText(each)) ?? each);
  return sameItems(previous, kept) ? previous : kept;
}

function policyText({ metadata, spec }: ScopedPolicy & Pick<Resource, "metadata">): string {
  return JSON.stringify([metadata.namespace, metadata.name, metadata.annotations, spec]);
}

function keep<T extends object>(previous: T, next: T): T {
  return JSON.stringify(previous) === JSON.stringify(next) ? previous : next;
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

import { failure, problem, type Result, type ServiceKey, success } from "#model";
import { backendsOf, type ServiceRoutes } from "#routing";
import type { AgentConfig, AgentService } from "./agent-config.ts";
import { type DecodedResource, decodeResource } from "./decode.ts";
import { type ResourceKind, SETTINGS_NAME } from "./resource-kinds.ts";

/** One resource that an agent holds. `absent` is a name that the server said does not exist. */
export type HeldResource =
  | {
      readonly state: "present";
      readonly version: string;
      readonly bytes: Uint8Array;
      readonly decoded: DecodedResource;
    }
  | { readonly state: "absent" };

/** All that an agent holds, by kind and name. Immutable. */
export type HeldResources = Readonly<Record<ResourceKind, ReadonlyMap<string, HeldResource>>>;

/** What one response changes. */
export interface ResourceChange {
  readonly kind: ResourceKind;
  readonly present: readonly { readonly name: string; readonly version: string; readonly bytes: Uint8Array }[];
  readonly removed: readonly string[];
}

export const NOTHING_HELD: HeldResources = {
  MeshSettings: new Map(),
  TrustBundle: new Map(),
  Service: new Map(),
  ServiceRoutes: new Map(),
  InboundPolicy: new Map(),
};

/** What is held after a change, or everything that is wrong with it; then nothing of it is taken. */
export function withChange(held: HeldResources, change: ResourceChange): Result<HeldResources> {
  const { kind, present, removed } = change;
  const next = new Map(held[kind]);
  for (const { name, version, bytes } of present) {
    const decoded = decodeResource(kind, name, bytes);
    if (!decoded.ok) return decoded;
    next.set(name, { state: "present", version, bytes, decoded: decoded.value });
  }
  for (const name of removed) {
    if (kind === "TrustBundle") next.delete(name);
    else if (kind === "Service" || kind === "ServiceRoutes") next.set(name, { state: "absent" });
    // An agent without its policy would let everything in.
    else return failure(problem("HDL_XDS_RESOURCE_INVALID", `${kind} ${name}: it cannot be removed.`));
  }
  return success({ ...held, [kind]: next });
}

/** What the held resources come to. */
export type Assembled =
  | { readonly state: "complete"; readonly config: AgentConfig }
  /** Only services are missing that routes send to: what is in force stays until they are here. */
  | { readonly state: "awaiting-backends" }
  /** Something is missing that the agent cannot run without. */
  | { readonly state: "incomplete" };

/** Every service whose endpoints the agent needs: those it calls, and those that their routes send to. */
export function neededServices(held: HeldResources, called: readonly ServiceKey[]): ReadonlySet<ServiceKey> {
  const routes = called.flatMap((key) => routesOf(held.ServiceRoutes.get(key)) ?? []);
  return new Set([...called, ...routes.flatMap((each) => [...backendsOf(each)])]);
}

/** What is held without the services that nothing sends to any more. */
export function withNeededServices(held: HeldResources, called: readonly ServiceKey[]): HeldResources {
  const needed: ReadonlySet<string> = neededServices(held, called);
  if ([...held.Service.keys()].every((name) => needed.has(name))) return held;
  return { ...held, Service: new Map([...held.Service].filter(([name]) => needed.has(name))) };
}

/** The configuration that the held resources make, for an agent that calls the given services. */
export function configOf(
  held: HeldResources,
  { revision, services: called }: { readonly revision: number; readonly services: readonly ServiceKey[] },
): Assembled {
  const settings = decodedOf(held, "MeshSettings").find(({ name }) => name === SETTINGS_NAME)?.decoded;
  const [policy] = decodedOf(held, "InboundPolicy");
  const bundles = decodedOf(held, "TrustBundle").flatMap(({ decoded }) =>
    decoded.kind === "TrustBundle" ? [decoded.value] : [],
  );
  if (settings?.kind !== "MeshSettings" || policy?.decoded.kind !== "InboundPolicy") return { state: "incomplete" };
  if (!bundles.some(({ trustDomain }) => trustDomain === settings.value.trustDomain)) return { state: "incomplete" };
  if (!called.every((key) => held.Service.has(key) && held.ServiceRoutes.has(key))) return { state: "incomplete" };
  const services = servicesOf(held, neededServices(held, called));
  if (services === undefined) return { state: "awaiting-backends" };
  const routes = new Map(
    called.flatMap((key) => {
      const each = routesOf(held.ServiceRoutes.get(key));
      return each === undefined ? [] : [[key, each] as const];
    }),
  );
  const { ruleSets: policies, ...others } = policy.decoded.value;
  const config = { revision, settings: settings.value, bundles, policies, ...others, services, routes };
  return { state: "complete", config };
}

/** Undefined when one is not known yet. */
function servicesOf(
  held: HeldResources,
  needed: ReadonlySet<ServiceKey>,
): ReadonlyMap<ServiceKey, AgentService> | undefined {
  const services = new Map<ServiceKey, AgentService>();
  for (const key of needed) {
    const service = serviceOf(held.Service.get(key));
    if (service === undefined) return undefined;
    services.set(key, service);
  }
  return services;
}

function routesOf(held: HeldResource | undefined): ServiceRoutes | undefined {
  return held?.state === "present" && held.decoded.kind === "ServiceRoutes" ? held.decoded.value : undefined;
}

const ABSENT: AgentService = { endpoints: [], ports: [], traffic: undefined };

function serviceOf(held: HeldResource | undefined): AgentService | undefined {
  if (held === undefined) return undefined;
  if (held.state === "absent") return ABSENT;
  return held.decoded.kind === "Service" ? held.decoded.value : undefined;
}

function decodedOf(
  held: HeldResources,
  kind: ResourceKind,
): readonly { readonly name: string; readonly decoded: DecodedResource }[] {
  return [...held[kind]].flatMap(([name, each]) => (each.state === "present" ? [{ name, decoded: each.decoded }] : []));
}

import { failure, problem, type Result, type ServiceKey, success } from "#model";
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
    else if (kind === "Service") next.set(name, { state: "absent" });
    // An agent without its policy would let everything in.
    else return failure(problem("HDL_XDS_RESOURCE_INVALID", `${kind} ${name}: it cannot be removed.`));
  }
  return success({ ...held, [kind]: next });
}

/** The configuration that the held resources make; undefined while something is missing that the agent cannot run without. */
export function configOf(
  held: HeldResources,
  wanted: { readonly revision: number; readonly services: readonly ServiceKey[] },
): AgentConfig | undefined {
  const settings = decodedOf(held, "MeshSettings").find(({ name }) => name === SETTINGS_NAME)?.decoded;
  const [policy] = decodedOf(held, "InboundPolicy");
  const bundles = decodedOf(held, "TrustBundle").flatMap(({ decoded }) =>
    decoded.kind === "TrustBundle" ? [decoded.value] : [],
  );
  const services = new Map<ServiceKey, AgentService>();
  for (const key of wanted.services) {
    const service = serviceOf(held.Service.get(key));
    if (service === undefined) return undefined;
    services.set(key, service);
  }
  if (settings?.kind !== "MeshSettings" || policy?.decoded.kind !== "InboundPolicy") return undefined;
  if (!bundles.some(({ trustDomain }) => trustDomain === settings.value.trustDomain)) return undefined;
  const { revision } = wanted;
  return { revision, settings: settings.value, bundles, policies: policy.decoded.value, services };
}

const ABSENT: AgentService = { endpoints: [], ports: [] };

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

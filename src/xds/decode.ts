import { fromBinary } from "@bufbuild/protobuf";
import {
  BUNDLE_AUTHORITIES_MAX,
  type Bundle,
  JWT_AUTHORITIES_MAX,
  parseCertificate,
  parseSpiffeId,
  parseTrustDomain,
  REVOCATIONS_MAX,
  type Revocation,
} from "#identity";
import type { WorkloadRules } from "#mesh";
import { failure, problem, type Result, serviceKey, success } from "#model";
import {
  type InboundPolicyMessage,
  InboundPolicySchema,
  type MeshSettingsMessage,
  MeshSettingsSchema,
  type RevocationMessage,
  type ServiceMessage,
  type ServiceRoutesMessage,
  ServiceRoutesSchema,
  ServiceSchema,
  type TrustBundleMessage,
  TrustBundleSchema,
} from "#proto";
import type { ServiceRoutes } from "#routing";
import type { AgentEndpoint, AgentService, AgentSettings } from "./agent-config.ts";
import { limitsOf } from "./limit-messages.ts";
import { mtlsOf } from "./mtls-messages.ts";
import { ruleSetOf } from "./policy-messages.ts";
import { providerOf } from "./provider-messages.ts";
import { OWN_POLICY_NAME, type ResourceKind, SETTINGS_NAME } from "./resource-kinds.ts";
import { routesOf } from "./route-messages.ts";
import { tokensOf } from "./token-messages.ts";
import { trafficOf } from "./traffic-messages.ts";

/** A resource as the agent uses it. */
export type DecodedResource =
  | { readonly kind: "MeshSettings"; readonly value: AgentSettings }
  | { readonly kind: "TrustBundle"; readonly value: Bundle }
  | { readonly kind: "Service"; readonly value: AgentService }
  | { readonly kind: "ServiceRoutes"; readonly value: ServiceRoutes }
  | { readonly kind: "InboundPolicy"; readonly value: WorkloadRules };

/** More than any real mesh has, less than what would exhaust an agent. */
const ENDPOINTS_MAX = 10_000;
const RULE_SETS_MAX = 10_000;
const LIMIT_SETS_MAX = 10_000;
/** Each is looked for in each request. */
const TOKEN_RULES_MAX = 256;
const PROVIDERS_MAX = 256;
const TIMEOUT_MS_MAX = 3_600_000;

/** Decodes and checks one resource. Fails with `HDL_XDS_RESOURCE_INVALID`, which names the resource and its fault. */
export function decodeResource(kind: ResourceKind, name: string, bytes: Uint8Array): Result<DecodedResource> {
  try {
    return decodeKind(kind, name, bytes);
  } catch (cause) {
    return invalid(`${kind} ${name}`, "its bytes are not a message of its type", cause);
  }
}

function decodeKind(kind: ResourceKind, name: string, bytes: Uint8Array): Result<DecodedResource> {
  switch (kind) {
    case "MeshSettings":
      return decodeSettings(name, fromBinary(MeshSettingsSchema, bytes));
    case "TrustBundle":
      return decodeBundle(name, fromBinary(TrustBundleSchema, bytes));
    case "Service":
      return decodeService(name, fromBinary(ServiceSchema, bytes));
    case "ServiceRoutes":
      return decodeRoutes(name, fromBinary(ServiceRoutesSchema, bytes));
    case "InboundPolicy":
      return decodePolicy(name, fromBinary(InboundPolicySchema, bytes));
  }
}

function decodeSettings(name: string, message: MeshSettingsMessage): Result<DecodedResource> {
  const what = `MeshSettings ${name}`;
  const { explainDenials, traceSampling, connectTimeoutMs, requestTimeoutMs } = message;
  const trustDomain = parseTrustDomain(message.trustDomain);
  if (name !== SETTINGS_NAME) return invalid(what, `its name is not ${SETTINGS_NAME}`);
  if (!trustDomain.ok) return trustDomain;
  if (!(traceSampling >= 0 && traceSampling <= 1)) return invalid(what, "trace_sampling is not from 0 to 1");
  for (const [field, ms] of Object.entries({ connectTimeoutMs, requestTimeoutMs }))
    if (ms < 1 || ms > TIMEOUT_MS_MAX) return invalid(what, `${field} is not from 1 to ${TIMEOUT_MS_MAX}`);
  const value = { trustDomain: trustDomain.value, explainDenials, traceSampling, connectTimeoutMs, requestTimeoutMs };
  return success({ kind: "MeshSettings", value });
}

function decodeBundle(name: string, message: TrustBundleMessage): Result<DecodedResource> {
  const what = `TrustBundle ${name}`;
  const { authorities, sequence, revocations, jwtAuthorities } = message;
  const trustDomain = parseTrustDomain(message.trustDomain);
  if (!trustDomain.ok) return trustDomain;
  if (name !== message.trustDomain) return invalid(what, `it is of ${message.trustDomain}`);
  if (authorities.length === 0) return invalid(what, "it holds no authority");
  if (authorities.length > BUNDLE_AUTHORITIES_MAX) return invalid(what, "it holds too many authorities");
  for (const der of authorities) {
    const facts = parseCertificate(der);
    if (!facts.ok) return facts;
    if (!facts.value.isCa) return invalid(what, "one of its certificates is not an authority");
  }
  if (revocations.length > REVOCATIONS_MAX) return invalid(what, "it holds too many revocations");
  if (jwtAuthorities.length > JWT_AUTHORITIES_MAX) return invalid(what, "it holds too many keys for JWT-SVIDs");
  const value = {
    trustDomain: trustDomain.value,
    authorities,
    sequence: Number(sequence),
    revocations: revocations.map(revocationOf),
    jwtAuthorities: jwtAuthorities.map(({ keyId, publicKeyInfo }) => ({ keyId, publicKeyInfo })),
  };
  return success({ kind: "TrustBundle", value });
}

function revocationOf({ spiffeId, notBeforeUntilMs, serial, expiresAtMs }: RevocationMessage): Revocation {
  const until = { expiresAtMs: Number(expiresAtMs) };
  if (serial !== "") return { kind: "certificate", serial, ...until };
  return { kind: "identity", spiffeId, notBeforeUntilMs: Number(notBeforeUntilMs), ...until };
}

function decodeService(name: string, message: ServiceMessage): Result<DecodedResource> {
  const what = `Service ${name}`;
  if (name !== serviceKey(message.namespace, message.name))
    return invalid(what, `it is ${serviceKey(message.namespace, message.name)}`);
  if (message.endpoints.length > ENDPOINTS_MAX) return invalid(what, "it has too many endpoints");
  const endpoints: AgentEndpoint[] = [];
  for (const each of message.endpoints) {
    const endpoint = decodeEndpoint(what, each);
    if (!endpoint.ok) return endpoint;
    endpoints.push(endpoint.value);
  }
  const ports = message.ports.map((each) => ({ name: each.name, port: each.port, appProtocol: each.appProtocol }));
  const traffic = message.traffic === undefined ? undefined : trafficOf(message.traffic);
  if (typeof traffic === "string") return invalid(what, traffic);
  return success({ kind: "Service", value: { endpoints, ports, traffic } });
}

function decodeEndpoint(service: string, message: ServiceMessage["endpoints"][number]): Result<AgentEndpoint> {
  const { instance, namespace, serviceAccount, address, meshPort, appPort, labels, weight } = message;
  const what = `${service}, endpoint ${instance}`;
  const spiffeId = parseSpiffeId(message.spiffeId);
  if (!spiffeId.ok) return spiffeId;
  if (spiffeId.value.path === "") return invalid(what, "its SPIFFE ID names no workload");
  if (address === "") return invalid(what, "it has no address");
  if (meshPort < 1 || meshPort > 65_535) return invalid(what, `${meshPort} is no port`);
  if (appPort > 65_535) return invalid(what, `${appPort} is no port`);
  return success({
    instance,
    namespace,
    serviceAccount,
    address,
    port: meshPort,
    appPort,
    spiffeId: spiffeId.value,
    labels,
    weight: Math.max(1, weight),
  });
}

function decodeRoutes(name: string, message: ServiceRoutesMessage): Result<DecodedResource> {
  const what = `ServiceRoutes ${name}`;
  if (name !== serviceKey(message.namespace, message.name))
    return invalid(what, `they are of ${serviceKey(message.namespace, message.name)}`);
  const routes = routesOf(message);
  return typeof routes === "string" ? invalid(what, routes) : success({ kind: "ServiceRoutes", value: routes });
}

function decodePolicy(name: string, message: InboundPolicyMessage): Result<DecodedResource> {
  const what = `InboundPolicy ${name}`;
  if (name !== OWN_POLICY_NAME) return invalid(what, "it is another workload's");
  if (message.ruleSets.length + message.egress.length > RULE_SETS_MAX)
    return invalid(what, "it has too many rule sets");
  if (message.limits.length > LIMIT_SETS_MAX) return invalid(what, "it has too many limits");
  if (message.providers.length > PROVIDERS_MAX) return invalid(what, "it asks too many authorizers");
  if (message.tokens.length > TOKEN_RULES_MAX) return invalid(what, "it takes tokens of too many issuers");
  const limits = allOf(message.limits, limitsOf);
  if (typeof limits === "string") return invalid(what, limits);
  const ruleSets = allOf(message.ruleSets, ruleSetOf);
  if (typeof ruleSets === "string") return invalid(what, ruleSets);
  const egress = allOf(message.egress, ruleSetOf);
  if (typeof egress === "string") return invalid(what, egress);
  const tokens = allOf(message.tokens, tokensOf);
  if (typeof tokens === "string") return invalid(what, tokens);
  const providers = allOf(message.providers, providerOf);
  if (typeof providers === "string") return invalid(what, providers);
  const mtls = mtlsOf(message.mtls);
  if (mtls === undefined) return invalid(what, "it has callers prove who they are in a way that is not known here");
  return success({ kind: "InboundPolicy", value: { ruleSets, limits, tokens, providers, mtls, egress } });
}

/** All values, or what is wrong with the first that is none. */
function allOf<M, V extends object>(messages: readonly M[], decode: (message: M) => V | string): readonly V[] | string {
  const values: V[] = [];
  for (const each of messages) {
    const value = decode(each);
    if (typeof value === "string") return value;
    values.push(value);
  }
  return values;
}

function invalid(what: string, why: string, cause?: unknown): Result<never> {
  return failure(problem("HDL_XDS_RESOURCE_INVALID", `${what}: ${why}.`, { cause }));
}

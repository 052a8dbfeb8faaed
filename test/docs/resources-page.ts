import { z } from "zod";
import type { Kind } from "#model";
import { CLUSTER_SCOPED, KINDS } from "#model/manifest";

/** What each kind is for; the fields and their defaults come from the schemas that `heddle apply` reads by. */
const PURPOSES: Readonly<Record<Kind, string>> = {
  Mesh: "Settings of the whole mesh. There is one.",
  Namespace: "A place for resources and workloads.",
  ServiceAccount: "Who a workload runs as; its SPIFFE ID is made of it.",
  Federation: "Another trust domain whose workloads may be known here.",
  Service: "A name that callers use for a set of workloads.",
  WorkloadEntry: "A workload that no agent announces.",
  AuthorizationPolicy: "Who may do what at the selected workloads.",
  AuthorizationProvider: "Somebody outside the mesh who decides requests that a CUSTOM policy names.",
  RequestAuthentication: "Whose tokens the selected workloads take for who asks.",
  PeerAuthentication: "How callers of the selected workloads prove who they are.",
  AccessPolicy: "Who may reach the selected workloads, by attributes, down a tree of namespaces.",
  NetworkPolicy: "Who may connect to the selected workloads, by labels and address.",
  HTTPRoute: "Where HTTP requests to a service go, and how.",
  GRPCRoute: "The same of gRPC calls, by service and method.",
  TCPRoute: "Where connections go that are carried as they are.",
  TLSRoute: "The same of an app's own TLS, by server name.",
  ReferenceGrant: "Lets routes of other namespaces name services of this one.",
  DestinationRule: "How a service is called: balancing, limits, outlier detection, subsets.",
  RequestPolicy: "Faults and hedging, for rules of routes that name it.",
  RateLimitPolicy: "How much the selected workloads take.",
  NodeAttestation: "By which proof nodes may join without a token, and as whom.",
  AdminRole: "Who may do what in the API, in its namespace and all below.",
};

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
}

/** The reference page of resources, made from the schemas. */
export function resourcesPage(): string {
  return [
    "# Resources",
    "",
    "Every kind that `heddle apply` takes, with every field. A field that is not here is refused by name.",
    "`[]` is a list, `.*` any key. This page is made from the schemas in `src/model/manifest` by `scripts/generate-pages.ts`.",
    "",
    "All kinds have `metadata` with `name`, `namespace` (unless the kind belongs to the whole mesh), `labels` and `annotations`.",
    "",
    ...(Object.keys(KINDS) as Kind[]).map(kindSection),
  ].join("\n");
}

function kindSection(kind: Kind): string {
  const schema = z.toJSONSchema(KINDS[kind], { io: "input", unrepresentable: "any" }) as Schema;
  const { apiVersion, spec, metadata: _, kind: __, ...others } = schema.properties ?? {};
  const rows = Object.entries({ ...(spec === undefined ? {} : { spec }), ...others }).flatMap(([name, each]) =>
    rowsOf(name, each, schema.required?.includes(name) === true),
  );
  const scope = CLUSTER_SCOPED.has(kind) ? "of the whole mesh" : "of a namespace";
  const table = ["| field | value | default |", "| --- | --- | --- |", ...rows];
  return [
    `## ${kind}`,
    `\`${valuesOf(apiVersion)}\`, ${scope}. ${PURPOSES[kind]}`,
    "",
    ...(rows.length > 0 ? table : []),
    "",
  ].join("\n");
}

/** A row for each value that can be written. */
function rowsOf(path: string, schema: Schema, isRequired: boolean): readonly string[] {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return alternativeRows(path, alternatives, isRequired);
  if (schema.type === "array" && schema.items !== undefined) return rowsOf(`${path}[]`, schema.items, isRequired);
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([name, each]) =>
      rowsOf(`${path}.${name}`, each, schema.required?.includes(name) === true),
    );
  }
  if (typeof schema.additionalProperties === "object") return rowsOf(`${path}.*`, schema.additionalProperties, false);
  return [`| \`${path}\` | ${formOf(schema)} | ${defaultOf(schema, isRequired)} |`];
}

function alternativeRows(path: string, alternatives: readonly Schema[], isRequired: boolean): readonly string[] {
  const rows = new Set(alternatives.flatMap((each) => rowsOf(path, each, isRequired)));
  return [...rows];
}

function valuesOf(schema: Schema | undefined): string {
  return (schema?.enum ?? [schema?.const]).join("`, `");
}

function formOf(schema: Schema): string {
  if (schema.description !== undefined) return schema.description;
  if (schema.const !== undefined || schema.enum !== undefined) return `\`${valuesOf(schema)}\``;
  if (schema.type === "integer" || schema.type === "number") return numberForm(schema);
  return schema.type ?? "any";
}

function numberForm({ type, minimum, maximum }: Schema): string {
  const hasMinimum = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER;
  const hasMaximum = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (hasMinimum && hasMaximum) return `${type}, ${minimum} to ${maximum}`;
  if (hasMinimum) return `${type}, from ${minimum}`;
  return hasMaximum ? `${type}, up to ${maximum}` : (type ?? "number");
}

function defaultOf({ default: value }: Schema, isRequired: boolean): string {
  if (value === undefined) return isRequired ? "must be given" : "";
  return `\`${JSON.stringify(value)}\``;
}

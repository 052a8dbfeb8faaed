import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import {
  appliedSchema,
  applyBodySchema,
  auditQuerySchema,
  auditSchema,
  historyQuerySchema,
  historySchema,
  refParamsSchema,
  refQuerySchema,
  resourcesQuerySchema,
  resourcesSchema,
} from "#api";
import type { MeshSnapshot } from "#mesh";
import {
  failure,
  type Kind,
  ProblemError,
  problem,
  type Resource,
  type ResourceRef,
  type Result,
  success,
  valueOrThrow,
} from "#model";
import { CLUSTER_SCOPED, KINDS, manifestOf, nearestName, parseManifests, writeManifests } from "#model/manifest";
import type { Applied, Change, PlannedChange, ResourceStore } from "#store";
import { actorOf } from "./credentials-hook.ts";
import { statusOf } from "./resource-status.ts";

function kindOf(text: string): Result<Kind> {
  const known = Object.keys(KINDS) as Kind[];
  const wanted = text.toLowerCase();
  const found = known.find((kind) => wanted === kind.toLowerCase() || wanted === pluralOf(kind));
  if (found !== undefined) return success(found);
  const nearest = nearestName(text, known);
  const hint = nearest === undefined ? `known kinds are ${known.join(", ")}` : `did you mean \`${nearest}\`?`;
  return failure(problem("HDL_MANIFEST_KIND", `there is no kind \`${text}\`; ${hint}`));
}

function pluralOf(kind: Kind): string {
  const lower = kind.toLowerCase();
  if (lower.endsWith("y")) return `${lower.slice(0, -1)}ies`;
  return /(?:s|sh)$/.test(lower) ? `${lower}es` : `${lower}s`;
}

function refOf(kindText: string, name: string, namespace: string): ResourceRef {
  const kind = valueOrThrow(kindOf(kindText));
  return { kind, name, namespace: CLUSTER_SCOPED.has(kind) ? "" : namespace };
}

function yamlOf(resource: Resource | undefined): string {
  return resource === undefined ? "" : writeManifests([resource]);
}

function changeView({ ref, action, before, after }: PlannedChange | Change) {
  return { ...ref, action, before: yamlOf(before), after: yamlOf(after) };
}

function appliedView({ revision, changes }: Applied) {
  return { revision, changes: changes.map(changeView) };
}

/** Applying, reading and deleting resources, and what was done to them. */
export function registerResources(app: FastifyInstance, store: ResourceStore, snapshot: () => MeshSnapshot): void {
  const view = (resource: Resource) => ({ ...manifestOf(resource), ...statusOf(snapshot(), resource) });
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.post("/api/v1/apply", { schema: { body: applyBodySchema, response: { 200: appliedSchema } } }, (request) => {
    const { files, dryRun } = request.body;
    const resources = valueOrThrow(parseManifests(files));
    return appliedView(valueOrThrow(store.apply(resources, { actor: actorOf(request), isDryRun: dryRun })));
  });
  typed.get(
    "/api/v1/resources",
    { schema: { querystring: resourcesQuerySchema, response: { 200: resourcesSchema } } },
    (request) => {
      const { kind, namespace } = request.query;
      const only = kind === undefined ? undefined : valueOrThrow(kindOf(kind));
      const resources = store
        .resources()
        .filter((each) => only === undefined || each.kind === only)
        .filter(
          ({ metadata }) => namespace === undefined || metadata.namespace === "" || metadata.namespace === namespace,
        );
      return { revision: store.revision, resources: resources.map(view) };
    },
  );
  registerOne(app, store, view);
  registerPast(app, store);
}

function registerOne(
  app: FastifyInstance,
  store: ResourceStore,
  view: (resource: Resource) => Record<string, unknown>,
): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const schema = { params: refParamsSchema, querystring: refQuerySchema };
  typed.get(
    "/api/v1/resources/:kind/:name",
    { schema: { ...schema, response: { 200: resourcesSchema } } },
    (request) => {
      const ref = refOf(request.params.kind, request.params.name, request.query.namespace);
      const found = store.get(ref);
      if (found === undefined) {
        throw new ProblemError(
          problem("HDL_STORE_MISSING", `there is no ${ref.kind} ${ref.name} in namespace ${ref.namespace}`),
        );
      }
      return { revision: store.revision, resources: [view(found)] };
    },
  );
  typed.delete(
    "/api/v1/resources/:kind/:name",
    { schema: { ...schema, response: { 200: appliedSchema } } },
    (request) => {
      const ref = refOf(request.params.kind, request.params.name, request.query.namespace);
      return appliedView(valueOrThrow(store.delete([ref], { actor: actorOf(request) })));
    },
  );
}

function registerPast(app: FastifyInstance, store: ResourceStore): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    "/api/v1/history",
    { schema: { querystring: historyQuerySchema, response: { 200: historySchema } } },
    (request) => {
      const { kind, name, namespace, limit } = request.query;
      const ref = kind === undefined || name === undefined ? undefined : refOf(kind, name, namespace);
      const changes = valueOrThrow(store.changes({ limit, ...(ref === undefined ? {} : { ref }) }));
      return {
        changes: changes.map((each) => ({
          ...changeView(each),
          revision: each.revision,
          atMs: each.atMs,
          actor: each.actor,
        })),
      };
    },
  );
  typed.get(
    "/api/v1/audit",
    { schema: { querystring: auditQuerySchema, response: { 200: auditSchema } } },
    ({ query: { limit, before } }) => {
      const page = valueOrThrow(store.auditLog.page({ limit, ...(before === undefined ? {} : { before }) }));
      return { entries: page.entries.map((each) => ({ ...each, namespaces: [...each.namespaces] })), head: page.head };
    },
  );
}

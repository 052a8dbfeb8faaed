import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import {
  appliedSchema,
  applyBodySchema,
  auditQuerySchema,
  auditSchema,
  deleteQuerySchema,
  historyQuerySchema,
  historySchema,
  refParamsSchema,
  refQuerySchema,
  resourcesQuerySchema,
  resourcesSchema,
} from "#api";
import type { MeshSnapshot } from "#mesh";
import { type Problem, ProblemError, problem, type Resource, type ResourceRef, valueOrThrow } from "#model";
import { manifestOf, parseManifests, writeManifests } from "#model/manifest";
import type { Applied, Change, PlannedChange, ResourceStore } from "#store";
import { needsOf, viewPlaceOf } from "../administration/resource-rights.ts";
import { type Rights, WHOLE_MESH } from "../administration/rights.ts";
import { type GuardAllowance, guardProblems } from "../policy/guard.ts";
import { simulate } from "../policy/simulation.ts";
import { actorOf, rightsOf } from "./credentials-hook.ts";
import { type DecisionRoutesOptions, recordedSpan } from "./decision-routes.ts";
import { kindOf, refOf } from "./resource-names.ts";
import { statusOf } from "./resource-status.ts";

function yamlOf(resource: Resource | undefined): string {
  return resource === undefined ? "" : writeManifests([resource]);
}

function changeView({ ref, action, before, after }: PlannedChange | Change) {
  return { ...ref, action, before: yamlOf(before), after: yamlOf(after) };
}

function appliedView({ revision, changes }: Applied) {
  return { revision, changes: changes.map(changeView) };
}

function resourceRef({ kind, metadata }: Resource): ResourceRef {
  return { kind, namespace: metadata.namespace, name: metadata.name };
}

function describe({ kind, namespace, name }: ResourceRef): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** Every refusal at once. */
function requireAll(refusals: readonly Problem[]): void {
  const [first, ...rest] = refusals;
  if (first !== undefined) throw new ProblemError(first, ...rest);
}

function requireView(rights: Rights, refs: readonly ResourceRef[]): void {
  const isSeen = rights.within("view");
  const hidden = refs.filter((ref) => !isSeen(viewPlaceOf(ref)));
  requireAll(hidden.map((ref) => rights.refusal("view", viewPlaceOf(ref), describe(ref))));
}

function requireChanges(rights: Rights, changes: readonly Pick<PlannedChange, "ref" | "before" | "after">[]): void {
  const real = changes.filter(({ before, after }) => before !== after);
  requireAll(
    real.flatMap((change) =>
      needsOf(change.ref, change)
        .filter(({ verb, namespace }) => !rights.may(verb, namespace))
        .map(({ verb, namespace }) => rights.refusal(verb, namespace, `change ${describe(change.ref)}`)),
    ),
  );
}

interface GuardedChange {
  readonly given: readonly Resource[];
  readonly deleted: readonly ResourceRef[];
  readonly rights: Rights;
  readonly since: string;
  readonly allow: GuardAllowance;
}

const GUARD_ATTEMPTS = 3;
const GUARD_TOLD_MAX = 1000;

/** Replays what was seen through the change; once more when something else was changed meanwhile. */
async function requireGuarded(
  store: ResourceStore,
  options: DecisionRoutesOptions,
  { given, deleted, rights, since, allow }: GuardedChange,
): Promise<void> {
  for (let attempt = 0; attempt < GUARD_ATTEMPTS; attempt++) {
    const { revision } = store;
    const source = { snapshot: options.snapshot(), decisions: options.decisions };
    const span = { ...recordedSpan(options, since), limit: GUARD_TOLD_MAX, isSeen: rights.within("view") };
    const simulated = await options.questions.ask(() => simulate(source, { given, deleted }, span));
    requireAll(guardProblems(simulated, allow));
    if (store.revision === revision) return;
  }
  throw new ProblemError(problem("HDL_STORE_CONFLICT", "others change resources all the while; nothing was changed"));
}

/** An entry that names nobody concerns the whole mesh. */
function concerned(namespaces: readonly string[]): readonly string[] {
  return namespaces.length === 0 ? [WHOLE_MESH] : namespaces;
}

/** So many changes are looked through for those that somebody may see. */
const HISTORY_SCANNED_MAX = 5000;

export interface ResourceRoutesOptions {
  readonly snapshot: () => MeshSnapshot;
  /** What changes are held against that must not deny what was seen. */
  readonly guard: DecisionRoutesOptions;
}

/** Applying, reading and deleting resources, and what was done to them. */
export function registerResources(
  app: FastifyInstance,
  store: ResourceStore,
  { snapshot, guard }: ResourceRoutesOptions,
): void {
  const view = (resource: Resource) => ({ ...manifestOf(resource), ...statusOf(snapshot(), resource) });
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.post(
    "/api/v1/apply",
    { schema: { body: applyBodySchema, response: { 200: appliedSchema } } },
    async (request) => {
      const { files, dryRun, guard: guarding } = request.body;
      const resources = valueOrThrow(parseManifests(files));
      const rights = rightsOf(request);
      const plan = (): Applied => {
        requireView(rights, resources.map(resourceRef));
        return valueOrThrow(store.apply(resources, { actor: rights.actor, isDryRun: true }));
      };
      plan();
      if (guarding !== undefined)
        await requireGuarded(store, guard, { given: resources, deleted: [], rights, ...guarding });
      // What would change is looked at before anything is told of it, and then done at once: nothing comes between.
      const planned = plan();
      if (dryRun) return appliedView(planned);
      requireChanges(rights, planned.changes);
      return appliedView(valueOrThrow(store.apply(resources, { actor: rights.actor })));
    },
  );
  typed.get(
    "/api/v1/resources",
    { schema: { querystring: resourcesQuerySchema, response: { 200: resourcesSchema } } },
    (request) => {
      const { kind, namespace } = request.query;
      const isSeen = rightsOf(request).within("view");
      const only = kind === undefined ? undefined : valueOrThrow(kindOf(kind));
      const resources = store
        .resources()
        .filter((each) => only === undefined || each.kind === only)
        .filter((each) => isSeen(viewPlaceOf(resourceRef(each))))
        .filter(
          ({ metadata }) => namespace === undefined || metadata.namespace === "" || metadata.namespace === namespace,
        );
      return { revision: store.revision, resources: resources.map(view) };
    },
  );
  registerOne(app, store, view);
  registerDelete(app, store, guard);
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
      const ref = refOf({ ...request.params, namespace: request.query.namespace });
      requireView(rightsOf(request), [ref]);
      const found = store.get(ref);
      if (found === undefined) {
        throw new ProblemError(
          problem("HDL_STORE_MISSING", `there is no ${ref.kind} ${ref.name} in namespace ${ref.namespace}`),
        );
      }
      return { revision: store.revision, resources: [view(found)] };
    },
  );
}

function registerDelete(app: FastifyInstance, store: ResourceStore, guard: DecisionRoutesOptions): void {
  const schema = { params: refParamsSchema, querystring: deleteQuerySchema, response: { 200: appliedSchema } };
  app.withTypeProvider<ZodTypeProvider>().delete("/api/v1/resources/:kind/:name", { schema }, async (request) => {
    const { namespace, guard: since, allow } = request.query;
    const ref = refOf({ ...request.params, namespace });
    const rights = rightsOf(request);
    requireView(rights, [ref]);
    requireChanges(rights, [{ ref, before: store.get(ref), after: undefined }]);
    if (since !== undefined) {
      await requireGuarded(store, guard, { given: [], deleted: [ref], rights, since, allow });
      // It may be another by now.
      requireChanges(rights, [{ ref, before: store.get(ref), after: undefined }]);
    }
    return appliedView(valueOrThrow(store.delete([ref], { actor: actorOf(request) })));
  });
}

function registerPast(app: FastifyInstance, store: ResourceStore): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    "/api/v1/history",
    { schema: { querystring: historyQuerySchema, response: { 200: historySchema } } },
    (request) => {
      const { kind, name, namespace, limit } = request.query;
      const ref = kind === undefined || name === undefined ? undefined : refOf({ kind, name, namespace });
      const isSeen = rightsOf(request).within("view");
      const scanned = isSeen(WHOLE_MESH) ? limit : HISTORY_SCANNED_MAX;
      const changes = valueOrThrow(store.changes({ limit: scanned, ...(ref === undefined ? {} : { ref }) }));
      const seen = changes.filter((each) => isSeen(viewPlaceOf(each.ref))).slice(0, limit);
      return {
        changes: seen.map((each) => ({
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
    (request) => {
      const { limit, before, whole } = request.query;
      const rights = rightsOf(request);
      if (whole === "true") rights.require("audit", WHOLE_MESH, "read the whole audit log");
      const isSeen = rights.within("audit");
      const page = valueOrThrow(store.auditLog.page({ limit, ...(before === undefined ? {} : { before }) }));
      const seen = page.entries.filter(({ namespaces }) => concerned(namespaces).every(isSeen));
      return { entries: seen.map((each) => ({ ...each, namespaces: [...each.namespaces] })), head: page.head };
    },
  );
}

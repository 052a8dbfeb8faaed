import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import {
  decisionsQuerySchema,
  decisionsSchema,
  simulateBodySchema,
  simulationSchema,
  sinceMs,
  suggestionsSchema,
  suggestQuerySchema,
} from "#api";
import type { Clock, Timers } from "#engine/time";
import type { MeshSnapshot } from "#mesh";
import { type Resource, type ResourceRef, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { viewPlaceOf } from "../administration/resource-rights.ts";
import { type DecisionSource, decisionsView } from "../policy/decision-view.ts";
import { simulate } from "../policy/simulation.ts";
import { servicesMeant, suggestionsView } from "../policy/suggestion.ts";
import { rightsOf } from "./credentials-hook.ts";
import type { LongQuestions } from "./long-questions.ts";
import { refOf } from "./resource-names.ts";

export interface DecisionRoutesOptions {
  readonly snapshot: () => MeshSnapshot;
  readonly decisions: DecisionSource;
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "soon">;
  readonly questions: LongQuestions;
}

/** Agents report each second, by clocks that may be ahead. */
const AHEAD_MS = 10_000;

/** The span of a question, and how it leaves others their turn. */
export function recordedSpan({ clock, timers }: Pick<DecisionRoutesOptions, "clock" | "timers">, since: string) {
  const nowMs = clock.nowMs();
  const turn = (): Promise<void> => new Promise((resolve) => timers.soon(resolve));
  return { nowMs, fromMs: nowMs - sinceMs(since), toMs: nowMs + AHEAD_MS, turn };
}

/** Questions about what was decided, and what a change would make of it. They change nothing. */
export function registerDecisions(app: FastifyInstance, options: DecisionRoutesOptions): void {
  const { snapshot, decisions, questions } = options;
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    "/api/v1/policy/decisions",
    { schema: { querystring: decisionsQuerySchema, response: { 200: decisionsSchema } } },
    (request) => {
      const { since, source, destination, verdict, limit } = request.query;
      const isSeen = rightsOf(request).within("view");
      const asked = { source, destination, verdict, limit, isSeen };
      return questions.ask(() => decisionsView(decisions, { ...recordedSpan(options, since), ...asked }));
    },
  );
  typed.post(
    "/api/v1/policy/simulate",
    { schema: { body: simulateBodySchema, response: { 200: simulationSchema } } },
    (request) => {
      const { files, deletes, since, limit } = request.body;
      const change = { given: valueOrThrow(parseManifests(files)), deleted: deletes.map(refOf) };
      const rights = rightsOf(request);
      // The sums count what the asker may not view: asked of others' namespaces they would tell what goes on there.
      for (const ref of [...change.given.map(placeOf), ...change.deleted])
        rights.require("view", viewPlaceOf(ref), `simulate a change of ${ref.kind} ${ref.name}`);
      const isSeen = rights.within("view");
      const span = recordedSpan(options, since);
      return questions.ask(() => simulate({ snapshot: snapshot(), decisions }, change, { ...span, limit, isSeen }));
    },
  );
  registerSuggestions(app, options);
}

function placeOf({ kind, metadata: { namespace, name } }: Resource): ResourceRef {
  return { kind, namespace, name };
}

function registerSuggestions(app: FastifyInstance, options: DecisionRoutesOptions): void {
  app
    .withTypeProvider<ZodTypeProvider>()
    .get(
      "/api/v1/policy/suggest",
      { schema: { querystring: suggestQuerySchema, response: { 200: suggestionsSchema } } },
      async (request) => {
        const { for: name, since, rareBelow, exact } = request.query;
        const rights = rightsOf(request);
        const snapshot = options.snapshot();
        const services = valueOrThrow(servicesMeant(snapshot, name));
        for (const { key, namespace } of services) rights.require("view", namespace, `profile the callers of ${key}`);
        const asked = { ...recordedSpan(options, since), services, rareBelow, isExact: exact === "true" };
        return valueOrThrow(await options.questions.ask(() => suggestionsView(snapshot, options.decisions, asked)));
      },
    );
}

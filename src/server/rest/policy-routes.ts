import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import {
  decisionsQuerySchema,
  decisionsSchema,
  explainQuerySchema,
  explanationSchema,
  exportQuerySchema,
  exportSchema,
  lintBodySchema,
  lintSchema,
  matrixQuerySchema,
  matrixSchema,
  sinceMs,
} from "#api";
import type { Clock } from "#engine/time";
import type { MeshSnapshot } from "#mesh";
import { splitKey, valueOrThrow } from "#model";
import { type DecisionSource, decisionsView } from "../policy/decision-view.ts";
import { explanationOf } from "../policy/explanation.ts";
import { exportView } from "../policy/export-view.ts";
import { lintView } from "../policy/lint-view.ts";
import { matrixView } from "../policy/matrix-view.ts";
import { rightsOf } from "./credentials-hook.ts";

export interface PolicyRoutesOptions {
  readonly snapshot: () => MeshSnapshot;
  readonly decisions: DecisionSource;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Questions about what policies decide. They change nothing. */
export function registerPolicy(app: FastifyInstance, options: PolicyRoutesOptions): void {
  registerDecided(app, options);
  registerRecorded(app, options);
}

function registerDecided(app: FastifyInstance, { snapshot, clock }: PolicyRoutesOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    "/api/v1/policy/explain",
    { schema: { querystring: explainQuerySchema, response: { 200: explanationSchema } } },
    (request) => {
      const { path, port, ...rest } = request.query;
      rightsOf(request).require("view", splitKey(rest.destination).namespace, `explain calls of ${rest.destination}`);
      return valueOrThrow(explanationOf(snapshot(), { ...rest, path, port }, clock.nowMs()));
    },
  );
  typed.post("/api/v1/policy/lint", { schema: { body: lintBodySchema, response: { 200: lintSchema } } }, (request) => {
    const isSeen = rightsOf(request).within("view");
    const { policies, findings } = valueOrThrow(lintView(snapshot(), request.body.files, clock.nowMs()));
    return { policies, findings: findings.filter(({ policy }) => isSeen(policy.namespace)) };
  });
  typed.get(
    "/api/v1/policy/matrix",
    { schema: { querystring: matrixQuerySchema, response: { 200: matrixSchema } } },
    (request) => {
      const { namespace } = request.query;
      rightsOf(request).require("view", namespace ?? "", "show who may call whom");
      return valueOrThrow(matrixView(snapshot(), namespace, clock.nowMs()));
    },
  );
  typed.get(
    "/api/v1/policy/export",
    { schema: { querystring: exportQuerySchema, response: { 200: exportSchema } } },
    (request) => {
      const { to, namespace } = request.query;
      rightsOf(request).require("view", namespace ?? "", "export policies");
      return exportView(snapshot(), { to, namespace, nowMs: clock.nowMs() });
    },
  );
}

/** Agents report each second, by clocks that may be ahead. */
const AHEAD_MS = 10_000;

/** The same of what was decided. */
function registerRecorded(app: FastifyInstance, { decisions, clock }: PolicyRoutesOptions): void {
  app
    .withTypeProvider<ZodTypeProvider>()
    .get(
      "/api/v1/policy/decisions",
      { schema: { querystring: decisionsQuerySchema, response: { 200: decisionsSchema } } },
      (request) => {
        const { since, source, destination, verdict, limit } = request.query;
        const nowMs = clock.nowMs();
        const span = { fromMs: nowMs - sinceMs(since), toMs: nowMs + AHEAD_MS };
        const isSeen = rightsOf(request).within("view");
        return decisionsView(decisions, { ...span, source, destination, verdict, limit, isSeen });
      },
    );
}

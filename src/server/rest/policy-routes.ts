import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import {
  explainBodySchema,
  explanationSchema,
  exportQuerySchema,
  exportSchema,
  flowExplanationSchema,
  lintBodySchema,
  lintSchema,
  matrixQuerySchema,
  matrixSchema,
} from "#api";
import type { Clock } from "#engine/time";
import type { MeshSnapshot } from "#mesh";
import { ProblemError, problem, splitKey, valueOrThrow } from "#model";
import type { TelemetryStore } from "#telemetry/store";
import { explanationOf } from "../policy/explanation.ts";
import { exportView } from "../policy/export-view.ts";
import { flowExplanationOf } from "../policy/flow-explanation.ts";
import { lintView } from "../policy/lint-view.ts";
import { matrixView } from "../policy/matrix-view.ts";
import { rightsOf } from "./credentials-hook.ts";

export interface PolicyRoutesOptions {
  readonly snapshot: () => MeshSnapshot;
  readonly flows: Pick<TelemetryStore, "decidedFlow">;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Questions about what policies decide. They change nothing. */
export function registerPolicy(app: FastifyInstance, options: PolicyRoutesOptions): void {
  registerExplanations(app, options);
  registerOverviews(app, options);
}

function registerExplanations(app: FastifyInstance, { snapshot, flows, clock }: PolicyRoutesOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.post(
    "/api/v1/policy/explain",
    { schema: { body: explainBodySchema, response: { 200: explanationSchema } } },
    (request) => {
      const { destination } = request.body;
      rightsOf(request).require("view", splitKey(destination).namespace, `explain calls of ${destination}`);
      return valueOrThrow(explanationOf(snapshot(), request.body, clock.nowMs()));
    },
  );
  typed.get(
    "/api/v1/policy/explain/flows/:id",
    { schema: { params: z.object({ id: z.string().max(64) }), response: { 200: flowExplanationSchema } } },
    (request) => {
      const { id } = request.params;
      const sample = flows.decidedFlow(id);
      const isSeen = rightsOf(request).within("view");
      if (sample === undefined || !isSeen(sample.edge.destination.namespace))
        throw new ProblemError(problem("HDL_POLICY_FLOW_UNKNOWN", `there is no flow ${id}, or none that you may view`));
      return flowExplanationOf(snapshot(), sample, clock.nowMs());
    },
  );
}

function registerOverviews(app: FastifyInstance, { snapshot, clock }: PolicyRoutesOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
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

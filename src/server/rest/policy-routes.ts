import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import {
  explainQuerySchema,
  explanationSchema,
  exportQuerySchema,
  exportSchema,
  lintBodySchema,
  lintSchema,
  matrixQuerySchema,
  matrixSchema,
} from "#api";
import type { Clock } from "#engine/time";
import type { MeshSnapshot } from "#mesh";
import { splitKey, valueOrThrow } from "#model";
import { explanationOf } from "../policy/explanation.ts";
import { exportView } from "../policy/export-view.ts";
import { lintView } from "../policy/lint-view.ts";
import { matrixView } from "../policy/matrix-view.ts";
import { rightsOf } from "./credentials-hook.ts";

/** Questions about what policies decide. They change nothing. */
export function registerPolicy(app: FastifyInstance, snapshot: () => MeshSnapshot, clock: Pick<Clock, "nowMs">): void {
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

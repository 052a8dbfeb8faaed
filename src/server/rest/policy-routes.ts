import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import {
  explainQuerySchema,
  explanationSchema,
  lintBodySchema,
  lintSchema,
  matrixQuerySchema,
  matrixSchema,
} from "#api";
import type { Clock } from "#engine/time";
import type { MeshSnapshot } from "#mesh";
import { valueOrThrow } from "#model";
import { explanationOf } from "../policy/explanation.ts";
import { lintView } from "../policy/lint-view.ts";
import { matrixView } from "../policy/matrix-view.ts";

/** Questions about what policies decide. They change nothing. */
export function registerPolicy(app: FastifyInstance, snapshot: () => MeshSnapshot, clock: Pick<Clock, "nowMs">): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    "/api/v1/policy/explain",
    { schema: { querystring: explainQuerySchema, response: { 200: explanationSchema } } },
    ({ query: { path, port, ...rest } }) =>
      valueOrThrow(explanationOf(snapshot(), { ...rest, path, port }, clock.nowMs())),
  );
  typed.post(
    "/api/v1/policy/lint",
    { schema: { body: lintBodySchema, response: { 200: lintSchema } } },
    ({ body: { files } }) => valueOrThrow(lintView(snapshot(), files, clock.nowMs())),
  );
  typed.get(
    "/api/v1/policy/matrix",
    { schema: { querystring: matrixQuerySchema, response: { 200: matrixSchema } } },
    ({ query: { namespace } }) => valueOrThrow(matrixView(snapshot(), namespace, clock.nowMs())),
  );
}

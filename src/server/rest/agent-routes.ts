import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { tokenBodySchema, tokenSchema, tokensSchema } from "#api";
import { ProblemError, problem, valueOrThrow } from "#model";
import type { AgentPlane } from "../agent-plane.ts";
import { workloadViews } from "../workload-view.ts";
import { actorOf } from "./credentials-hook.ts";

/** Join tokens, and the workloads that joined. `agentsAddress` is what tokens tell agents to dial. */
export function registerAgents(app: FastifyInstance, plane: AgentPlane, agentsAddress: string): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const { joinTokens } = plane.identity;
  typed.post(
    "/api/v1/tokens",
    { schema: { body: tokenBodySchema, response: { 200: tokenSchema } } },
    async (request) => {
      const { allowed, ttlSeconds } = request.body;
      const made = await joinTokens.create({
        server: agentsAddress,
        rootHash: plane.identity.rootHash,
        workloads: allowed,
        ttlMs: ttlSeconds * 1000,
        createdBy: actorOf(request),
      });
      const { text, record } = valueOrThrow(made);
      return { id: record.id, token: text, expiresAtMs: record.expiresAtMs };
    },
  );
  typed.get("/api/v1/tokens", { schema: { response: { 200: tokensSchema } } }, async () => {
    const records = valueOrThrow(await joinTokens.list());
    return {
      tokens: records.map(({ id, workloads, createdBy, createdAtMs, expiresAtMs, use }) => ({
        id,
        allowed: [...workloads],
        createdBy,
        createdAtMs,
        expiresAtMs,
        isUsed: use !== null,
      })),
    };
  });
  typed.delete(
    "/api/v1/tokens/:id",
    { schema: { params: z.object({ id: z.string().max(64) }) } },
    async (request, reply) => {
      const { id } = request.params;
      const isRevoked = valueOrThrow(await joinTokens.revoke(id, actorOf(request)));
      if (!isRevoked) throw new ProblemError(problem("HDL_STORE_MISSING", `there is no join token ${id}`));
      return reply.code(204).send();
    },
  );
  app.get("/api/v1/workloads", () => ({
    svidTtlMs: plane.snapshot.settings.svidTtlMs,
    workloads: workloadViews(plane.registry, plane.discovery),
  }));
}

import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { tokenBodySchema, tokenSchema, tokensSchema } from "#api";
import type { JoinTokenRecord } from "#identity/attestation";
import { ProblemError, problem, valueOrThrow } from "#model";
import type { AgentPlane } from "../agent-plane.ts";
import { workloadViews } from "../workload-view.ts";
import { actorOf, rightsOf } from "./credentials-hook.ts";

/** Join tokens, and the workloads that joined. `agentsAddress` is what tokens tell agents to dial. */
export function registerAgents(app: FastifyInstance, plane: AgentPlane, agentsAddress: string): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const { joinTokens } = plane.identity;
  typed.post(
    "/api/v1/tokens",
    { schema: { body: tokenBodySchema, response: { 200: tokenSchema } } },
    async (request) => {
      const { allowed, ttlSeconds } = request.body;
      const rights = rightsOf(request);
      for (const { namespace } of allowed) rights.require("operate", namespace, "let workloads join");
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
  typed.get("/api/v1/tokens", { schema: { response: { 200: tokensSchema } } }, async (request) => {
    const isSeen = rightsOf(request).within("operate");
    const records = valueOrThrow(await joinTokens.list()).filter((each) => isOf(each, isSeen));
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
      const isSeen = rightsOf(request).within("operate");
      const held = valueOrThrow(await joinTokens.list()).find((each) => each.id === id && isOf(each, isSeen));
      const isRevoked = held !== undefined && valueOrThrow(await joinTokens.revoke(id, actorOf(request)));
      if (!isRevoked) throw new ProblemError(problem("HDL_STORE_MISSING", `there is no join token ${id}`));
      return reply.code(204).send();
    },
  );
  registerWorkloads(app, plane);
}

function registerWorkloads(app: FastifyInstance, plane: AgentPlane): void {
  app.get("/api/v1/workloads", (request) => {
    const isSeen = rightsOf(request).within("view");
    const workloads = workloadViews(plane.registry, plane.discovery);
    return {
      svidTtlMs: plane.snapshot.settings.svidTtlMs,
      workloads: workloads.filter(({ namespace }) => isSeen(namespace)),
    };
  });
}

/** Whether somebody may see or end the token: it must be good only for workloads of theirs. */
function isOf({ workloads }: JoinTokenRecord, isSeen: (namespace: string) => boolean): boolean {
  return workloads.every(({ namespace }) => isSeen(namespace));
}

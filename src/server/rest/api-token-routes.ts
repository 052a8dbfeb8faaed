import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { apiTokenBodySchema, apiTokensSchema, madeApiTokenSchema, whoamiSchema } from "#api";
import type { Clock } from "#engine/time";
import { type AuditLine, ProblemError, problem, valueOrThrow } from "#model";
import type { ApiTokenRecord, ApiTokens } from "../administration/api-tokens.ts";
import { actorOf, rightsOf } from "./credentials-hook.ts";

export interface ApiTokenRoutesOptions {
  readonly apiTokens: ApiTokens;
  readonly audit: (line: AuditLine) => void;
  readonly clock: Pick<Clock, "nowMs">;
}

function viewOf({ secretHash: _, verbs, ...shown }: ApiTokenRecord) {
  return { ...shown, verbs: [...verbs] };
}

/** API tokens: making one is a matter of who administers its namespace, since it can do no more than they. */
export function registerApiTokens(app: FastifyInstance, { apiTokens, audit, clock }: ApiTokenRoutesOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const write = (action: string, actor: string, { id, namespace, name }: ApiTokenRecord): void =>
    audit({ atMs: clock.nowMs(), actor, action, detail: `${namespace}/${name} ${id}`, namespaces: [namespace] });
  typed.post(
    "/api/v1/api-tokens",
    { schema: { body: apiTokenBodySchema, response: { 200: madeApiTokenSchema } } },
    async (request) => {
      const { ttlSeconds, ...wanted } = request.body;
      rightsOf(request).require(
        "administer",
        wanted.namespace,
        `make the API token ${wanted.namespace}/${wanted.name}`,
      );
      const createdBy = actorOf(request);
      const { text, record } = valueOrThrow(await apiTokens.create({ ...wanted, createdBy, ttlMs: ttlSeconds * 1000 }));
      write("api-token-created", createdBy, record);
      return { ...viewOf(record), token: text };
    },
  );
  typed.get("/api/v1/api-tokens", { schema: { response: { 200: apiTokensSchema } } }, (request) => {
    const isSeen = rightsOf(request).within("administer");
    return {
      tokens: apiTokens
        .list()
        .filter(({ namespace }) => isSeen(namespace))
        .map(viewOf),
    };
  });
  typed.delete(
    "/api/v1/api-tokens/:id",
    { schema: { params: z.object({ id: z.string().max(64) }) } },
    async (request, reply) => {
      const record = apiTokens.find(request.params.id);
      // Whether there is one is nobody's business who may not revoke it.
      const rights = rightsOf(request);
      if (record === undefined || !rights.may("administer", record.namespace))
        throw new ProblemError(problem("HDL_STORE_MISSING", `there is no API token ${request.params.id}`));
      valueOrThrow(await apiTokens.revoke(record.id));
      write("api-token-revoked", rights.actor, record);
      return reply.code(204).send();
    },
  );
}

/** What the caller's credential is good for. */
export function registerWhoami(app: FastifyInstance): void {
  app
    .withTypeProvider<ZodTypeProvider>()
    .get("/api/v1/whoami", { schema: { response: { 200: whoamiSchema } } }, (request) => {
      const { actor, grants } = rightsOf(request);
      return { actor, grants: grants.map(({ verbs, namespace }) => ({ verbs: [...verbs], namespace })) };
    });
}

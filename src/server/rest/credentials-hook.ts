import type { FastifyReply, FastifyRequest } from "fastify";
import { problem } from "#model";
import type { Access, Grant } from "./access.ts";

const grants = new WeakMap<FastifyRequest, Grant>();
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Who asks, for history and audit. */
export function actorOf(request: FastifyRequest): string {
  return grants.get(request)?.actor ?? "unknown";
}

function refuse(reply: FastifyReply, status: number, message: string): FastifyReply {
  const refusal = problem("HDL_API_CREDENTIAL", message);
  return reply
    .code(status)
    .header("www-authenticate", "Bearer")
    .send({ problems: [refusal] });
}

function isForged({ by }: Grant, request: FastifyRequest): boolean {
  return by === "session" && !SAFE_METHODS.has(request.method) && request.headers["x-heddle-request"] !== "1";
}

/** Lets through only requests with a credential; a browser's session must also show that the page itself made a change. */
export function credentialsHook(access: Access) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { authorization, cookie } = request.headers;
    const grant = access.judge(authorization, cookie);
    if (grant === undefined) {
      const isOffered = authorization !== undefined || cookie !== undefined;
      if (isOffered && !access.mayFail(request.ip))
        await refuse(reply, 429, "too many wrong credentials came from here");
      else await refuse(reply, 401, "the credential is missing or not good");
    } else if (isForged(grant, request)) {
      await refuse(reply, 403, "a session may change something only with the header `x-heddle-request: 1`");
    } else grants.set(request, grant);
  };
}

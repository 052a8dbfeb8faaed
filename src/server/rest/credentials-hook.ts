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

/**
 * Lets through only requests with a credential; a browser's session must also show that the page itself made a change.
 * `onRefused` hears of wrong credentials, of each address only as many as it may offer: it cannot push all else out of a trail.
 */
export function credentialsHook(access: Access, onRefused: (request: FastifyRequest) => void) {
  const refuseAnyone = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { authorization, cookie } = request.headers;
    const isOffered = authorization !== undefined || cookie !== undefined;
    if (isOffered && !access.mayFail(request.ip))
      return void (await refuse(reply, 429, "too many wrong credentials came from here"));
    if (isOffered) onRefused(request);
    await refuse(reply, 401, "the credential is missing or not good");
  };
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const grant = access.judge(request.headers.authorization, request.headers.cookie);
    if (grant === undefined) await refuseAnyone(request, reply);
    else if (isForged(grant, request))
      await refuse(reply, 403, "a session may change something only with the header `x-heddle-request: 1`");
    else grants.set(request, grant);
  };
}

import type { FastifyReply, FastifyRequest } from "fastify";
import { type Problem, problem } from "#model";
import type { Administrator } from "../administration/administrator.ts";
import type { Rights } from "../administration/rights.ts";
import type { Access, Grant, Proof } from "./access.ts";
import { type RouteRight, rightOf } from "./route-rights.ts";

interface Caller extends Proof {
  readonly rights: Rights;
}

const callers = new WeakMap<FastifyRequest, Caller>();
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Who asks and what it may do. Only for requests that the hook let through. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Error(`${request.method} ${request.url} was not asked for a credential`);
  return caller;
}

export function rightsOf(request: FastifyRequest): Rights {
  return callerOf(request).rights;
}

/** Who asks, for history and audit. */
export function actorOf(request: FastifyRequest): string {
  return rightsOf(request).actor;
}

function refuse(reply: FastifyReply, status: number, refusal: Problem): FastifyReply {
  return reply
    .code(status)
    .header("www-authenticate", "Bearer")
    .send({ problems: [refusal] });
}

function isForged({ by }: Grant, request: FastifyRequest): boolean {
  return by === "session" && !SAFE_METHODS.has(request.method) && request.headers["x-heddle-request"] !== "1";
}

export interface CredentialsOptions {
  readonly access: Access;
  readonly rightsFor: (administrator: Administrator) => Rights;
  /** Hears of wrong credentials, of each address only as many as it may offer: it cannot push all else out of the log. */
  readonly onRefused: (request: FastifyRequest) => void;
}

/**
 * Lets through only requests with a credential that has what the table of routes asks for; a browser's session must also show that
 * the page itself made a change.
 */
export function credentialsHook({ access, rightsFor, onRefused }: CredentialsOptions) {
  const refuseAnyone = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { authorization, cookie } = request.headers;
    const isOffered = authorization !== undefined || cookie !== undefined;
    const told = (message: string): Problem => problem("HDL_API_CREDENTIAL", message);
    if (isOffered && !access.mayFail(request.ip))
      return void (await refuse(reply, 429, told("too many wrong credentials came from here")));
    if (isOffered) onRefused(request);
    await refuse(reply, 401, told("the credential is missing or not good"));
  };
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { authorization, cookie } = request.headers;
    const grant = access.judge(authorization, cookie);
    if (grant === undefined) return refuseAnyone(request, reply);
    if (isForged(grant, request)) {
      const message = "a session may change something only with the header `x-heddle-request: 1`";
      return void (await refuse(reply, 403, problem("HDL_API_CREDENTIAL", message)));
    }
    const { administrator, goodUntilMs } = grant;
    const rights = rightsFor(administrator);
    callers.set(request, { administrator, goodUntilMs, rights });
    requireRoute(request, rightOf(request.method, request.routeOptions.url), rights);
  };
}

/** A route that nobody wrote a right for is refused to everybody. Throws `HDL_API_FORBIDDEN`. */
function requireRoute(request: FastifyRequest, right: RouteRight | undefined, rights: Rights): void {
  const what = `${request.method} ${request.routeOptions.url ?? ""}`;
  if (right?.at === "anyone") return;
  if (right?.at === "mesh") return rights.require(right.verb, "", what);
  if (right?.at === "namespaces" && (right.verb === undefined || rights.mayAnywhere(right.verb))) return;
  rights.forbid(what);
}

/** Withholds an answer for which the handler never asked what its caller may see. */
export async function withholdUnasked(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  const right = rightOf(request.method, request.routeOptions.url);
  if (reply.statusCode >= 400 || right?.at !== "namespaces" || rightsOf(request).wasAsked) return payload;
  reply.code(500);
  return JSON.stringify({ problems: [problem("HDL_INTERNAL", "the server failed to answer")] });
}

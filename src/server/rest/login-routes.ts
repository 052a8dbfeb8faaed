import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { deviceLoginSchema, devicePollBodySchema, devicePollSchema, loginMethodsSchema } from "#api";
import type { Clock } from "#engine/time";
import { type AuditLine, type Failure, ProblemError, problem, valueOrThrow } from "#model";
import { actorNameOf } from "../administration/administrator.ts";
import type { Logins } from "../administration/logins.ts";
import type { Refusals } from "../administration/refusals.ts";
import type { Access } from "./access.ts";
import { actorOf } from "./credentials-hook.ts";

export interface LoginRoutesOptions {
  readonly access: Access;
  /** Undefined where no identity provider is configured. */
  readonly logins: Logins | undefined;
  readonly audit: (line: AuditLine) => void;
  readonly refusals: Refusals;
  readonly clock: Pick<Clock, "nowMs">;
  /** Whether browsers come in TLS: cookies are then kept from anything else. */
  readonly isSecure: boolean;
}

const BINDING = /(?:^|;\s*)heddle_login=([A-Za-z0-9_-]{1,128})/;
const LOGIN_PATH = "/api/v1/login";

/** The cookie of a browser's session: out of the reach of scripts, and never sent by another site's page. */
export function sessionCookie(session: string, lifeMs: number, isSecure: boolean): string {
  const age = Math.floor(lifeMs / 1000);
  return `heddle_session=${session}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${age}${isSecure ? "; Secure" : ""}`;
}

/** Logging in by the identity provider, in a browser and by a command on any device. None of these asks for a credential. */
export function registerLogins(app: FastifyInstance, options: LoginRoutesOptions): void {
  app
    .withTypeProvider<ZodTypeProvider>()
    .get("/api/v1/login/methods", { schema: { response: { 200: loginMethodsSchema } } }, () => ({
      provider: options.logins !== undefined,
    }));
  app.addHook("onRequest", (request, reply) => refuseTooMany(request, reply, options));
  registerBrowserLogin(app, options);
  registerDeviceLogin(app, options);
}

function loginsOf({ logins }: LoginRoutesOptions): Logins {
  if (logins !== undefined) return logins;
  const next = "Start the server with `--oidc-issuer` and `--oidc-client-id`, or use `heddle console`.";
  throw new ProblemError(problem("HDL_API_LOGIN", "this server has no identity provider", { next }));
}

/** Logins that fail make this server ask the provider: nobody may have it do so at will. */
async function refuseTooMany(
  request: FastifyRequest,
  reply: FastifyReply,
  { access }: LoginRoutesOptions,
): Promise<void> {
  if (access.mayTry(request.ip)) return;
  await reply.code(429).send({ problems: [problem("HDL_API_LOGIN", "too many logins from here failed")] });
}

function writeRefusal({ ip }: FastifyRequest, { problems }: Failure, options: LoginRoutesOptions): void {
  const { access, refusals } = options;
  access.mayFail(ip);
  refusals.write({ actor: ip, action: "login-refused", detail: problems[0].message, namespaces: [] });
}

function registerBrowserLogin(app: FastifyInstance, options: LoginRoutesOptions): void {
  const { access, audit, clock, isSecure } = options;
  const secure = isSecure ? "; Secure" : "";
  // Lax, because it must come along when the provider sends the browser back; it is worth nothing without the provider's answer.
  const bindingCookie = (value: string, lifeMs: number): string =>
    `heddle_login=${value}; HttpOnly; SameSite=Lax; Path=${LOGIN_PATH}; Max-Age=${Math.floor(lifeMs / 1000)}${secure}`;
  app.get(LOGIN_PATH, { schema: { hide: true } }, async (request, reply) => {
    const begun = await loginsOf(options).begin();
    if (!begun.ok) {
      writeRefusal(request, begun, options);
      return failedPage(reply, begun);
    }
    const { url, binding, lifeMs } = begun.value;
    return reply.header("set-cookie", bindingCookie(binding, lifeMs)).header("cache-control", "no-store").redirect(url);
  });
  app.get(`${LOGIN_PATH}/callback`, { schema: { hide: true } }, async (request, reply) => {
    const binding = BINDING.exec(request.headers.cookie ?? "")?.[1] ?? "";
    const person = await loginsOf(options).finish(binding, request.url.split("?")[1] ?? "");
    if (!person.ok) {
      writeRefusal(request, person, options);
      return failedPage(reply.header("set-cookie", bindingCookie("", 0)), person);
    }
    const { session, lifeMs } = access.createSession(person.value);
    const actor = actorNameOf(person.value);
    audit({ atMs: clock.nowMs(), actor, action: "login", detail: "in a browser", namespaces: [] });
    const cookies = [bindingCookie("", 0), sessionCookie(session, lifeMs, isSecure)];
    return reply.header("set-cookie", cookies).header("cache-control", "no-store").redirect("/");
  });
}

/** For a person in front of a browser. */
function failedPage(reply: FastifyReply, { problems }: Failure): FastifyReply {
  const [{ message, code, next }] = problems;
  return reply.code(401).type("text/plain; charset=utf-8").send(`${message} [${code}]\n${next}\n`);
}

function registerDeviceLogin(app: FastifyInstance, options: LoginRoutesOptions): void {
  const { access, audit, clock } = options;
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.post(`${LOGIN_PATH}/device`, { schema: { response: { 200: deviceLoginSchema } } }, async (request) => {
    const begun = await loginsOf(options).beginDevice(request.ip);
    if (!begun.ok) writeRefusal(request, begun, options);
    const { handle, userCode, verificationUri, expiresInS, intervalS } = valueOrThrow(begun);
    return { handle, userCode, verificationUri, expiresInS, intervalS };
  });
  typed.post(
    `${LOGIN_PATH}/device/poll`,
    { schema: { body: devicePollBodySchema, response: { 200: devicePollSchema } } },
    (request) => {
      const progress = loginsOf(options).pollDevice(request.body.handle);
      if (progress === undefined) {
        const unknown = problem("HDL_API_LOGIN", "no such login waits, or it has ended");
        writeRefusal(request, { ok: false, problems: [unknown] }, options);
        throw new ProblemError(unknown);
      }
      if (progress.state === "waiting") return { state: "waiting" as const };
      if (!progress.outcome.ok) {
        writeRefusal(request, progress.outcome, options);
        throw new ProblemError(...progress.outcome.problems);
      }
      const actor = actorNameOf(progress.outcome.value);
      const { session, lifeMs } = access.createSession(progress.outcome.value);
      audit({ atMs: clock.nowMs(), actor, action: "login", detail: "by a command", namespaces: [] });
      return { state: "done" as const, actor, token: `hst1.${session}`, expiresAtMs: clock.nowMs() + lifeMs };
    },
  );
}

/** Ends the session with which it is asked. */
export function registerLogout(app: FastifyInstance, { access, audit, clock, isSecure }: LoginRoutesOptions): void {
  app.post("/api/v1/logout", (request, reply) => {
    const { authorization, cookie } = request.headers;
    access.closeSession(authorization, cookie);
    audit({ atMs: clock.nowMs(), actor: actorOf(request), action: "logout", detail: "", namespaces: [] });
    return reply
      .header("set-cookie", sessionCookie("", 0, isSecure))
      .code(204)
      .send();
  });
}

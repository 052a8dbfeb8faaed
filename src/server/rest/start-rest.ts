import fastifyStatic from "@fastify/static";
import swagger from "@fastify/swagger";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import { sessionBodySchema, sessionCodeSchema } from "#api";
import { systemClock, systemTimers } from "#engine/time";
import { lineageOf, nextSnapshot } from "#mesh";
import {
  ADMIN_VERBS,
  type AuditLine,
  failure,
  type Problem,
  type ProblemCode,
  ProblemError,
  problem,
  type Result,
  success,
} from "#model";
import type { ResourceStore } from "#store";
import type { TelemetryStore } from "#telemetry/store";
import { type Administrator, actorNameOf, grantsOf } from "../administration/administrator.ts";
import type { ApiTokens } from "../administration/api-tokens.ts";
import type { Logins } from "../administration/logins.ts";
import type { Refusals } from "../administration/refusals.ts";
import { viewPlaceOf } from "../administration/resource-rights.ts";
import { Rights } from "../administration/rights.ts";
import type { AgentPlane } from "../agent-plane.ts";
import { LiveFlows } from "../observe/live-flows.ts";
import { registerObserve } from "../observe/routes.ts";
import type { RunningApi, SocketAddress } from "../start-server.ts";
import { watchedCertificates } from "../watched-certificates.ts";
import { workloadViews } from "../workload-view.ts";
import type { Access } from "./access.ts";
import { registerAgents } from "./agent-routes.ts";
import { registerApiTokens, registerWhoami } from "./api-token-routes.ts";
import { registerAuthority } from "./authority-routes.ts";
import { callerOf, credentialsHook, rightsOf, withholdUnasked } from "./credentials-hook.ts";
import { registerDecisions } from "./decision-routes.ts";
import { type LoginRoutesOptions, registerLogins, registerLogout, sessionCookie } from "./login-routes.ts";
import { LongQuestions } from "./long-questions.ts";
import { registerPolicy } from "./policy-routes.ts";
import { registerPublic } from "./public-routes.ts";
import { registerResources } from "./resource-routes.ts";
import { rightOf } from "./route-rights.ts";

export interface ApiTls {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface RestOptions {
  readonly listen: SocketAddress;
  /** Undefined serves plain HTTP, for loopback only. */
  readonly tls: ApiTls | undefined;
  readonly plane: AgentPlane;
  readonly resources: ResourceStore;
  readonly telemetry: TelemetryStore;
  readonly access: Access;
  readonly apiTokens: ApiTokens;
  /** Undefined where no identity provider is configured. */
  readonly logins: Logins | undefined;
  /** Writes down what is not a change of resources. */
  readonly audit: (line: AuditLine) => void;
  readonly refusals: Refusals;
  /** `host:port` that join tokens tell agents to dial. */
  readonly agentsAddress: string;
  /** Where browsers reach the API, if not at its own address. */
  readonly publicUrl: string | undefined;
  /** Folder of the built console; undefined serves none. */
  readonly consoleDirectory: string | undefined;
  /** URL under which this API is the issuer of JWT-SVIDs; undefined offers no OpenID Connect provider. */
  readonly issuer: string | undefined;
  readonly version: string;
  /** Whether everything that the server needs to answer is there. */
  readonly isReady: () => boolean;
}

const BODY_BYTES_MAX = 8 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECTION_TIMEOUT_MS = 120_000;
const PARAMETER_LENGTH_MAX = 253;
const HISTORY_MAX = 200;
/** The console's code, styles and pictures are its own; nothing is loaded from elsewhere and no page may frame it. */
const PAGE_HEADERS = {
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
};

const STATUS: Partial<Record<ProblemCode, number>> = {
  HDL_API_BUSY: 429,
  HDL_API_FORBIDDEN: 403,
  HDL_API_LOGIN: 401,
  HDL_API_TOKEN: 409,
  HDL_STORE_CONFLICT: 409,
  HDL_POLICY_GUARD: 409,
  HDL_POLICY_GUARD_UNDECIDED: 409,
  HDL_STORE_MISSING: 404,
  HDL_POLICY_FLOW_UNKNOWN: 404,
  HDL_POLICY_QUESTION: 422,
  HDL_POLICY_UNSEEN: 422,
  HDL_MANIFEST_INVALID: 422,
  HDL_MANIFEST_KIND: 422,
  HDL_MANIFEST_REPEATED: 422,
  HDL_ATTESTATION_TOKEN_REQUEST: 422,
  HDL_ENGINE_DISK_FULL: 507,
};

function requestProblem(error: FastifyError): Problem {
  if (!hasZodFastifySchemaValidationErrors(error)) return problem("HDL_API_REQUEST", error.message);
  const faults = error.validation.map(
    ({ instancePath, message }) => `${instancePath.slice(1) || "the body"}: ${message}`,
  );
  return problem("HDL_API_REQUEST", faults.join("; "));
}

/** Every failure has the one form; what is ours to mend is told without its inner side. */
function answerFailures(app: FastifyInstance, onForbidden: (request: FastifyRequest, problem: Problem) => void): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error instanceof ProblemError) {
      if (error.problems[0].code === "HDL_API_FORBIDDEN") onForbidden(request, error.problems[0]);
      const problems = error.problems.map(({ cause: _cause, ...shown }) => shown);
      return reply.code(STATUS[error.problems[0].code] ?? 500).send({ problems });
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send({ problems: [requestProblem(error)] });
    return reply.code(500).send({ problems: [problem("HDL_INTERNAL", "the server failed to answer")] });
  });
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .send({ problems: [problem("HDL_API_REQUEST", `there is no ${request.method} ${request.url.split("?")[0]}`)] }),
  );
}

const CONNECTIONS_MAX = 4096;
/** An address, or the one name that always means this host. */
const LOCAL_HOST = /^(?:localhost|[0-9.]+|\[[0-9a-f:.]+\])(?::[0-9]+)?$/i;

/** On loopback a request for a named host, unless it is the public one, is a page of another site whose name was made to point here (DNS rebinding). */
function refuseForeignHosts(publicUrl: string | undefined) {
  const publicHost = publicUrl === undefined ? undefined : URL.parse(publicUrl)?.host;
  return async ({ headers }: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { host = "" } = headers;
    if (LOCAL_HOST.test(host) || host === publicHost) return;
    const refusal = problem("HDL_API_REQUEST", "this API is asked by its address or as localhost, not by another name");
    await reply.code(421).send({ problems: [refusal] });
  };
}

function registerSessions(app: FastifyInstance, options: LoginRoutesOptions): void {
  const { access, isSecure, audit, refusals, clock } = options;
  app
    .withTypeProvider<ZodTypeProvider>()
    .post("/api/v1/session", { schema: { body: sessionBodySchema } }, (request, reply) => {
      const opened = access.openSession(request.body.code);
      if (opened === undefined) {
        const mayFail = access.mayFail(request.ip);
        const refused = { actor: request.ip, action: "credential-refused", detail: "POST /api/v1/session" };
        if (mayFail) refusals.write({ ...refused, namespaces: [] });
        return reply
          .code(mayFail ? 401 : 429)
          .send({ problems: [problem("HDL_API_CREDENTIAL", "the code is not good; it opens one session, once")] });
      }
      const actor = actorNameOf(opened.administrator);
      audit({ atMs: clock.nowMs(), actor, action: "session-opened", detail: `from ${request.ip}`, namespaces: [] });
      const cookie = sessionCookie(opened.session, opened.lifeMs, isSecure);
      return reply.header("set-cookie", cookie).code(204).send();
    });
}

function loginOptions(options: RestOptions): LoginRoutesOptions {
  const { tls, publicUrl } = options;
  const isSecure = tls !== undefined || publicUrl?.startsWith("https:") === true;
  return { ...options, clock: systemClock, isSecure };
}

function pathOf(url: string): string {
  return url.split("?")[0]?.slice(0, PARAMETER_LENGTH_MAX) ?? "";
}

/** By the roles and the tree of namespaces as they are now, so that a change of either holds from the next request on. */
function rightsFor(administrator: Administrator, { plane, resources }: RestOptions): Rights {
  const { rootNamespace } = plane.snapshot.settings;
  const all = resources.resources();
  const roles = all.filter((each) => each.kind === "AdminRole");
  const namespaces = all.filter((each) => each.kind === "Namespace");
  return new Rights({
    actor: actorNameOf(administrator),
    grants: grantsOf(administrator, roles, { rootNamespace, all: ADMIN_VERBS }),
    rootNamespace,
    lineageOf: (namespace) => lineageOf(namespace, namespaces, rootNamespace),
  });
}

/** What needs a credential. */
function registerGuarded(app: FastifyInstance, options: RestOptions, live: LiveFlows): void {
  const { access, apiTokens, audit, refusals, plane, resources, telemetry, agentsAddress } = options;
  const onRefused = ({ ip, method, url }: FastifyRequest): void => {
    const detail = `${method} ${pathOf(url)}`;
    refusals.write({ actor: ip, action: "credential-refused", detail, namespaces: [] });
  };
  app.addHook("onRequest", credentialsHook({ access, rightsFor: (each) => rightsFor(each, options), onRefused }));
  app.addHook("onSend", withholdUnasked);
  app.post("/api/v1/session-codes", { schema: { response: { 200: sessionCodeSchema } } }, (request) =>
    access.createCode(callerOf(request)),
  );
  registerLogout(app, loginOptions(options));
  registerWhoami(app);
  registerApiTokens(app, { apiTokens, audit, clock: systemClock });
  const decided = {
    // As the store has it: what was just applied counts.
    snapshot: () => nextSnapshot(plane.snapshot, { resources: resources.resources() }),
    decisions: telemetry,
    clock: systemClock,
    timers: systemTimers,
    questions: new LongQuestions(),
  };
  registerResources(app, resources, { snapshot: () => plane.snapshot, guard: decided });
  registerDecisions(app, decided);
  registerAgents(app, plane, agentsAddress);
  registerAuthority(app, { plane, audit, clock: systemClock });
  registerPolicy(app, {
    snapshot: () => plane.snapshot,
    flows: telemetry,
    clock: systemClock,
  });
  registerObserve(app, {
    certificates: () => watchedCertificates(plane),
    store: telemetry,
    live,
    clock: systemClock,
    seenBy: (request) => rightsOf(request).within("view"),
    workloads: () => workloadViews(plane.registry, plane.discovery),
    changesSince(sinceMs, isSeen) {
      const changes = resources.changes({ sinceMs, limit: HISTORY_MAX });
      const rows = changes.ok ? changes.value.filter(({ ref }) => isSeen(viewPlaceOf(ref))).toReversed() : [];
      return rows.map(({ atMs, actor, action, ref }) => ({ atMs, what: `${actor} ${action} ${ref.kind} ${ref.name}` }));
    },
  });
}

async function registerConsole(app: FastifyInstance, directory: string | undefined): Promise<void> {
  if (directory === undefined) {
    app.get("/", (_, reply) => reply.type("text/plain").send("Heddle: the console was not built (npm run build)\n"));
    return;
  }
  await app.register(fastifyStatic, { root: directory, setHeaders: setPageHeaders });
}

function setPageHeaders(reply: { header(name: string, value: string): unknown }): void {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) reply.header(name, value);
}

async function buildApp(options: RestOptions, live: LiveFlows): Promise<FastifyInstance> {
  const app = Fastify({
    ...(options.tls === undefined
      ? {}
      : { https: { cert: options.tls.certificatePem, key: options.tls.keyPem, minVersion: "TLSv1.2" as const } }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    forceCloseConnections: true,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook("onRoute", ({ method, url }) => {
    for (const each of [method].flat()) {
      if (rightOf(each, url) === undefined) throw new Error(`${each} ${url} is not in the table of routes' rights`);
    }
  });
  answerFailures(app, (request, refused) => {
    const { actor } = rightsOf(request);
    const detail = `${request.method} ${pathOf(request.url)}: ${refused.message}`;
    options.refusals.write({ actor, action: "right-refused", detail, namespaces: [] });
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  if (options.tls === undefined) app.addHook("onRequest", refuseForeignHosts(options.publicUrl));
  const info = { title: "Heddle", version: options.version };
  await app.register(swagger, { openapi: { openapi: "3.1.0", info }, transform: jsonSchemaTransform });
  app.get("/healthz", { schema: { hide: true } }, (_, reply) => reply.type("text/plain").send("ok\n"));
  app.get("/readyz", { schema: { hide: true } }, (_, reply) => {
    const isReady = options.isReady();
    return reply
      .code(isReady ? 200 : 503)
      .type("text/plain")
      .send(isReady ? "ready\n" : "starting\n");
  });
  await app.register(async (open) => registerSessions(open, loginOptions(options)));
  await app.register(async (open) => registerLogins(open, loginOptions(options)));
  const { authority } = options.plane.identity;
  registerPublic(app, { bundle: () => authority.bundle, issuer: options.issuer });
  await app.register(async (guarded) => registerGuarded(guarded, options, live));
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  await registerConsole(app, options.consoleDirectory);
  return app;
}

/** Binds the REST API and the console. A taken port is `HDL_ENGINE_PORT_IN_USE`. */
export async function startRest(options: RestOptions): Promise<Result<RunningApi>> {
  const live = new LiveFlows(options.telemetry, systemTimers);
  const app = await buildApp(options, live);
  const { address, port } = options.listen;
  try {
    const url = await app.listen({ host: address, port });
    return success({
      port: Number(new URL(url).port),
      async stop() {
        options.logins?.stop();
        live.stop();
        await app.close();
      },
    });
  } catch (cause) {
    live.stop();
    await app.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    return failure(problem("HDL_ENGINE_PORT_IN_USE", `cannot listen on ${address}:${port}: ${reason}`, { cause }));
  }
}

import type { AdminVerb } from "#model";

/** What a route asks of its caller before its handler runs. */
export type RouteRight =
  /** Nothing, not even a credential. */
  | { readonly at: "open" }
  /** A credential, whatever it may do. */
  | { readonly at: "anyone" }
  /** The verb in the whole mesh. */
  | { readonly at: "mesh"; readonly verb: AdminVerb }
  /** The verb somewhere; the handler asks for each namespace that it shows or changes, or its answer is withheld. */
  | { readonly at: "namespaces"; readonly verb: AdminVerb | undefined };

const open: RouteRight = { at: "open" };
const anyone: RouteRight = { at: "anyone" };
const mesh = (verb: AdminVerb): RouteRight => ({ at: "mesh", verb });
const namespaces = (verb?: AdminVerb): RouteRight => ({ at: "namespaces", verb });

/** Every route of the API. One that is not here cannot be registered. */
export const ROUTE_RIGHTS: Readonly<Record<string, RouteRight>> = {
  "GET /": open,
  "GET /*": open,
  "GET /healthz": open,
  "GET /readyz": open,
  "GET /.well-known/spiffe-bundle": open,
  "GET /.well-known/jwks.json": open,
  "GET /.well-known/openid-configuration": open,
  "GET /openapi.json": open,
  "POST /api/v1/session": open,
  "GET /api/v1/login": open,
  "GET /api/v1/login/callback": open,
  "GET /api/v1/login/methods": open,
  "POST /api/v1/login/device": open,
  "POST /api/v1/login/device/poll": open,

  "GET /api/v1/whoami": anyone,
  "POST /api/v1/session-codes": anyone,
  "POST /api/v1/logout": anyone,

  "POST /api/v1/apply": namespaces(),
  "GET /api/v1/resources": namespaces("view"),
  "GET /api/v1/resources/:kind/:name": namespaces("view"),
  "DELETE /api/v1/resources/:kind/:name": namespaces(),
  "GET /api/v1/history": namespaces("view"),
  "POST /api/v1/policy/explain": namespaces("view"),
  "GET /api/v1/policy/explain/flows/:id": namespaces("view"),
  "POST /api/v1/policy/lint": namespaces("view"),
  "GET /api/v1/policy/matrix": namespaces("view"),
  "GET /api/v1/policy/export": namespaces("view"),
  "GET /api/v1/policy/suggest": namespaces("view"),
  "GET /api/v1/policy/decisions": namespaces("view"),
  "POST /api/v1/policy/simulate": namespaces("view"),
  "GET /api/v1/audit": namespaces("audit"),

  "GET /api/v1/workloads": namespaces("view"),
  "GET /api/v1/graph": namespaces("view"),
  "GET /api/v1/plaintext": namespaces("view"),
  "GET /api/v1/why": namespaces("view"),
  "GET /api/v1/flows": namespaces("view"),
  "GET /api/v1/flows/live": namespaces("view"),
  "GET /api/v1/traces": mesh("view"),
  "GET /api/v1/traces/:id": mesh("view"),
  "GET /api/v1/events": mesh("view"),
  "GET /metrics": mesh("view"),

  "GET /api/v1/tokens": namespaces("operate"),
  "POST /api/v1/tokens": namespaces("operate"),
  "DELETE /api/v1/tokens/:id": namespaces("operate"),
  "GET /api/v1/api-tokens": namespaces("administer"),
  "POST /api/v1/api-tokens": namespaces("administer"),
  "DELETE /api/v1/api-tokens/:id": namespaces("administer"),

  "GET /api/v1/authority": mesh("view"),
  "POST /api/v1/authority/rotations": mesh("administer"),
  "POST /api/v1/authority/rotations/force": mesh("administer"),
  "POST /api/v1/authority/revocations": namespaces("secure"),
};

/** Undefined for a route that is not known: nobody may use it. */
export function rightOf(method: string, path: string | undefined): RouteRight | undefined {
  return ROUTE_RIGHTS[`${method === "HEAD" ? "GET" : method} ${path ?? ""}`];
}

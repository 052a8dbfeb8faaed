/** Where the requests and connections of one listener go: by the routes of its service, or else to the service itself. */
import type { AppProtocol, ServiceKey } from "#model";
import {
  byteRuleFor,
  pickBackend,
  type RouteBackendRule,
  type RouteEntry,
  type RouteRule,
  redirectLocation,
} from "#routing";
import type { ProxyContext } from "../context.ts";
import { type AskedRequest, isTunnelRequest } from "../fields.ts";
import type { Destinations } from "./destinations.ts";
import type { OutboundService } from "./service.ts";

export type Routed =
  | {
      readonly kind: "forward";
      readonly service: OutboundService;
      /** Undefined without a route. */
      readonly entry: RouteEntry | undefined;
      readonly backend: RouteBackendRule | undefined;
    }
  | { readonly kind: "redirect"; readonly status: number; readonly location: string }
  | { readonly kind: "none"; readonly reason: "route-not-found" | "backend-not-found" };

const NO_ROUTE: Routed = { kind: "none", reason: "route-not-found" };
const NO_BACKEND: Routed = { kind: "none", reason: "backend-not-found" };

export class Router {
  /** The service that the listener stands for. */
  readonly service: OutboundService;
  readonly #context: ProxyContext;
  readonly #destinations: Destinations;
  readonly #direct: Routed;

  constructor(context: ProxyContext, key: ServiceKey, destinations: Destinations) {
    const service = destinations.get(key);
    if (service === undefined) throw new Error(`a listener for ${key}, which is not among the services called`);
    this.#context = context;
    this.#destinations = destinations;
    this.service = service;
    this.#direct = { kind: "forward", service, entry: undefined, backend: undefined };
  }

  /** What is spoken on the connections of the listener: what the service declares, or what its routes are about. */
  get protocol(): AppProtocol {
    const routes = this.#context.tables.routes.get(this.service.key);
    const declared = this.service.protocol;
    if (routes?.bytes !== undefined) return "tcp";
    return routes?.requests !== undefined && declared === "auto" ? "http" : declared;
  }

  /** Whether connections go by the server name of their TLS. */
  get asksServerName(): boolean {
    const rules = this.#context.tables.routes.get(this.service.key)?.bytes;
    return rules?.some(({ hostnames }) => hostnames.length > 0) === true;
  }

  /** `scheme` is the caller's. */
  route(request: AskedRequest, scheme: "http" | "https"): Routed {
    const routes = this.#context.tables.routes.get(this.service.key);
    if (routes === undefined) return this.#direct;
    if (isTunnelRequest(request)) return this.#routeBytes(request.authority);
    const entry = routes.requests?.find(request);
    if (entry === undefined) return routes.requests === undefined ? this.#direct : NO_ROUTE;
    const { redirect, backends } = entry.rule;
    if (redirect !== undefined) {
      const location = redirectLocation(redirect, { ...request, scheme }, entry);
      return { kind: "redirect", status: redirect.statusCode, location };
    }
    const backend = pickBackend(backends, backends.length > 1 ? this.#context.random() : 0);
    const service = backend?.service === undefined ? undefined : this.#destinations.get(backend.service);
    return service === undefined ? NO_BACKEND : { kind: "forward", service, entry, backend };
  }

  /** The services that a copy of one request goes to, each drawn by its share. */
  drawMirrors({ mirrors }: RouteRule): readonly OutboundService[] {
    return mirrors.flatMap(({ service, share }) => {
      const isDrawn = this.#context.random() < share;
      return isDrawn ? (this.#destinations.get(service) ?? []) : [];
    });
  }

  #routeBytes(serverName: string): Routed {
    const rules = this.#context.tables.routes.get(this.service.key)?.bytes;
    if (rules === undefined) return this.#direct;
    const rule = byteRuleFor(rules, serverName);
    if (rule === undefined) return NO_ROUTE;
    const backend = pickBackend(rule.backends, this.#context.random());
    const service = backend?.service === undefined ? undefined : this.#destinations.get(backend.service);
    return service === undefined ? NO_BACKEND : { kind: "forward", service, entry: undefined, backend: undefined };
  }
}

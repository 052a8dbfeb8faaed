/** The route kinds of the Gateway API and `ReferenceGrant`, as users write them. */
import { z } from "zod";
import type {
  BackendReference,
  GrpcRoute,
  HttpRoute,
  ParentReference,
  ReferenceGrant,
  RouteFilter,
  TcpRoute,
  TlsRoute,
} from "#model";
import { label } from "./fields.ts";
import { metadata } from "./metadata.ts";
import {
  backendRef,
  filters,
  hostname,
  type ParsedFilter,
  parentRef,
  routeDuration,
  sectionName,
} from "./route-fields.ts";
import { grpcMatches, httpMatches } from "./route-matches.ts";

const RULES_MAX = 16;
/** In all rules of a route together (Gateway API v1). */
const ALL_MATCHES_MAX = 128;

const timeouts = z
  .strictObject({ request: routeDuration.optional(), backendRequest: routeDuration.optional() })
  .refine(
    ({ request = 0, backendRequest = 0 }) => request === 0 || backendRequest <= request,
    "has a `backendRequest` longer than its `request`",
  );
const retry = z
  .strictObject({
    codes: z.array(z.int().min(400).max(599)).max(32).default([]),
    attempts: z.int().min(1).max(10).optional(),
    backoff: routeDuration.optional(),
  })
  .transform(({ codes, attempts, backoff }) => ({ codes, attempts, backoffMs: backoff }));

const routeBackend = backendRef.extend({
  filters: filters.refine(
    (list) => list.every(({ type }) => type.endsWith("HeaderModifier")),
    "has a filter that a backend does not know: RequestHeaderModifier and ResponseHeaderModifier are; put others in the rule",
  ),
});
const backends = z.array(routeBackend).max(16).default([]);

const httpRule = z
  .strictObject({
    name: sectionName,
    matches: httpMatches,
    filters,
    backendRefs: backends,
    timeouts: timeouts.optional(),
    retry: retry.optional(),
  })
  .superRefine(checkRewrites)
  .transform(({ timeouts: limits, retry: again, ...rule }) => ({
    ...rule,
    retry: again,
    requestTimeoutMs: limits?.request,
    backendRequestTimeoutMs: limits?.backendRequest,
  }));

interface Rewriting {
  readonly matches: readonly { readonly path: { readonly type: string } }[];
  readonly filters: readonly ParsedFilter[];
  readonly backendRefs: readonly unknown[];
}

/** A prefix can be replaced only where one matched; a redirect has nowhere to send to. */
function checkRewrites({ matches, filters: list, backendRefs }: Rewriting, context: z.RefinementCtx): void {
  const isPrefixed = matches.every((each) => each.path.type === "PathPrefix");
  for (const [index, each] of list.entries()) {
    const change =
      each.type === "URLRewrite" ? each.rewrite.path : each.type === "RequestRedirect" && each.redirect.path;
    if (change && change.type === "ReplacePrefixMatch" && !isPrefixed)
      context.addIssue({
        code: "custom",
        path: ["filters", index],
        message: "replaces a prefix, but not every match of the rule is a PathPrefix",
      });
    if (each.type === "RequestRedirect" && backendRefs.length > 0)
      context.addIssue({ code: "custom", path: ["backendRefs"], message: "must be empty in a rule that redirects" });
  }
}

const grpcRule = z.strictObject({
  name: sectionName,
  matches: grpcMatches,
  filters: filters.refine(
    (list) => list.every(({ type }) => type !== "URLRewrite" && type !== "RequestRedirect"),
    "has a filter that GRPCRoute does not know: RequestHeaderModifier, ResponseHeaderModifier and RequestMirror are",
  ),
  backendRefs: backends,
});

const byteRule = z.strictObject({ name: sectionName, backendRefs: z.array(backendRef).min(1).max(16) });

const parentRefs = z.array(parentRef).min(1).max(32);
const hostnames = z.array(hostname).max(16).default([]);
/** As `kubectl get` gives it; it is worked out anew here. */
const status = z.unknown().optional();

function rulesOf<T extends z.ZodType>(rule: T) {
  return z.array(rule).min(1).max(RULES_MAX);
}

type WrittenRef = z.output<typeof backendRef>;
type WrittenBackend = z.output<typeof routeBackend>;
type WrittenRule = { readonly filters: readonly ParsedFilter[]; readonly backendRefs: readonly WrittenBackend[] };

/** A reference without a namespace means the route's own. */
function parentsIn(namespace: string, refs: readonly z.output<typeof parentRef>[]): readonly ParentReference[] {
  return refs.map(({ group, kind, name, port, ...ref }) => {
    return { group, kind, namespace: ref.namespace ?? namespace, name, port };
  });
}

function backendIn(namespace: string, { group, kind, name, port, weight, ...ref }: WrittenRef): BackendReference {
  return { group, kind, namespace: ref.namespace ?? namespace, name, port, weight };
}

function filtersIn(namespace: string, list: readonly ParsedFilter[]): readonly RouteFilter[] {
  return list.map((each): RouteFilter => {
    if (each.type !== "RequestMirror") return each as RouteFilter;
    const { backend, share } = each.mirror;
    return { type: each.type, mirror: { backend: backendIn(namespace, backend), share } };
  });
}

function rulesIn<R extends WrittenRule>(namespace: string, rules: readonly R[]) {
  return rules.map((rule) => ({
    ...rule,
    filters: filtersIn(namespace, rule.filters),
    backendRefs: rule.backendRefs.map((ref) => ({
      ...backendIn(namespace, ref),
      filters: filtersIn(namespace, ref.filters),
    })),
  }));
}

function byteRulesIn(namespace: string, rules: readonly z.output<typeof byteRule>[]) {
  return rules.map(({ name, backendRefs }) => ({
    name,
    backendRefs: backendRefs.map((ref) => backendIn(namespace, ref)),
  }));
}

function fewMatches({ rules }: { readonly rules: readonly { readonly matches: readonly unknown[] }[] }): boolean {
  return rules.reduce((sum, { matches }) => sum + matches.length, 0) <= ALL_MATCHES_MAX;
}

const TOO_MANY = `has more than ${ALL_MATCHES_MAX} matches in all its rules`;

export const httpRoute = z
  .strictObject({
    apiVersion: z.enum(["gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1"]),
    kind: z.literal("HTTPRoute"),
    metadata: metadata(true),
    spec: z
      .strictObject({ parentRefs, hostnames, rules: rulesOf(httpRule).default(() => [httpRule.parse({})]) })
      .refine(fewMatches, TOO_MANY),
    status,
  })
  .transform(({ kind, metadata: named, spec: { parentRefs: parents, hostnames: names, rules } }): HttpRoute => {
    const { namespace } = named;
    const spec = { parentRefs: parentsIn(namespace, parents), hostnames: names, rules: rulesIn(namespace, rules) };
    return { apiVersion: "gateway.networking.k8s.io/v1", kind, metadata: named, spec };
  });

export const grpcRoute = z
  .strictObject({
    apiVersion: z.literal("gateway.networking.k8s.io/v1"),
    kind: z.literal("GRPCRoute"),
    metadata: metadata(true),
    spec: z
      .strictObject({ parentRefs, hostnames, rules: rulesOf(grpcRule).default(() => [grpcRule.parse({})]) })
      .refine(fewMatches, TOO_MANY),
    status,
  })
  .transform(
    ({ apiVersion, kind, metadata: named, spec: { parentRefs: parents, hostnames: names, rules } }): GrpcRoute => {
      const { namespace } = named;
      const spec = { parentRefs: parentsIn(namespace, parents), hostnames: names, rules: rulesIn(namespace, rules) };
      return { apiVersion, kind, metadata: named, spec };
    },
  );

const oneByteRule = z.array(byteRule).length(1, "must be one rule: bytes have nothing that rules could tell apart");

export const tcpRoute = z
  .strictObject({
    apiVersion: z.literal("gateway.networking.k8s.io/v1alpha2"),
    kind: z.literal("TCPRoute"),
    metadata: metadata(true),
    spec: z.strictObject({ parentRefs, rules: oneByteRule }),
    status,
  })
  .transform(({ apiVersion, kind, metadata: named, spec: { parentRefs: parents, rules } }): TcpRoute => {
    const { namespace } = named;
    const spec = { parentRefs: parentsIn(namespace, parents), rules: byteRulesIn(namespace, rules) };
    return { apiVersion, kind, metadata: named, spec };
  });

export const tlsRoute = z
  .strictObject({
    apiVersion: z.enum(["v1alpha2", "v1alpha3", "v1"].map((each) => `gateway.networking.k8s.io/${each}`)),
    kind: z.literal("TLSRoute"),
    metadata: metadata(true),
    spec: z.strictObject({ parentRefs, hostnames, rules: oneByteRule }),
    status,
  })
  .transform(({ kind, metadata: named, spec: { parentRefs: parents, hostnames: names, rules } }): TlsRoute => {
    const { namespace } = named;
    const spec = { parentRefs: parentsIn(namespace, parents), hostnames: names, rules: byteRulesIn(namespace, rules) };
    return { apiVersion: "gateway.networking.k8s.io/v1alpha2", kind, metadata: named, spec };
  });

export const referenceGrant = z
  .strictObject({
    apiVersion: z.enum(["gateway.networking.k8s.io/v1beta1", "gateway.networking.k8s.io/v1"]),
    kind: z.literal("ReferenceGrant"),
    metadata: metadata(true),
    spec: z.strictObject({
      from: z
        .array(z.strictObject({ group: z.string(), kind: z.string().min(1), namespace: label }))
        .min(1)
        .max(16),
      to: z
        .array(z.strictObject({ group: z.string(), kind: z.string().min(1), name: z.string().min(1).optional() }))
        .min(1)
        .max(16),
    }),
  })
  .transform(({ kind, metadata: named, spec: { from, to } }): ReferenceGrant => {
    const targets = to.map(({ group, kind: of, name }) => ({ group, kind: of, name }));
    return { apiVersion: "gateway.networking.k8s.io/v1beta1", kind, metadata: named, spec: { from, to: targets } };
  });

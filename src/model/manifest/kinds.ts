import { z } from "zod";
import type { Kind, Resource } from "#model";
import { accessPolicy } from "./access-policy.ts";
import { adminRole } from "./admin-role.ts";
import { authorizationPolicy } from "./authorization-policy.ts";
import { authorizationProvider } from "./authorization-provider.ts";
import { destinationRule } from "./destination-rule.ts";
import { federation } from "./federation.ts";
import { certificatesPem, durationMs, hostName, label, labels, port } from "./fields.ts";
import { metadata } from "./metadata.ts";
import { networkPolicy } from "./network-policy.ts";
import { nodeAttestation } from "./node-attestation.ts";
import { peerAuthentication } from "./peer-authentication.ts";
import { rateLimitPolicy } from "./rate-limit-policy.ts";
import { requestAuthentication } from "./request-authentication.ts";
import { requestPolicy } from "./request-policy.ts";
import { grpcRoute, httpRoute, referenceGrant, tcpRoute, tlsRoute } from "./routes.ts";

const issuerAuthorities = z.strictObject({
  hosts: z.array(hostName).min(1).max(64),
  caCertificates: certificatesPem,
});

const mesh = z.strictObject({
  apiVersion: z.literal("heddle.dev/v1"),
  kind: z.literal("Mesh"),
  metadata: metadata(false),
  spec: z
    .strictObject({
      trustDomain: z.string().min(1).max(255),
      svidTtl: durationMs.prefault("1h"),
      rootNamespace: label.default("heddle-system"),
      explainDenials: z.boolean().default(true),
      traceSampling: z.number().min(0).max(1).default(1),
      connectTimeout: durationMs.prefault("1s"),
      requestTimeout: durationMs.prefault("15s"),
      issuerAuthorities: z.array(issuerAuthorities).max(64).default([]),
    })
    .transform(({ svidTtl, connectTimeout, requestTimeout, ...rest }) => ({
      ...rest,
      svidTtlMs: svidTtl,
      connectTimeoutMs: connectTimeout,
      requestTimeoutMs: requestTimeout,
    })),
});

const namespace = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Namespace"),
  metadata: metadata(false),
});

const serviceAccount = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("ServiceAccount"),
  metadata: metadata(true),
});

const servicePort = z
  .strictObject({
    name: label.optional(),
    port,
    targetPort: port.optional(),
    appProtocol: z.string().max(63).default(""),
  })
  .transform(({ name, port: number, targetPort, appProtocol }) => ({
    name: name ?? `port-${number}`,
    port: number,
    targetPort: targetPort ?? number,
    appProtocol,
  }));

const service = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Service"),
  metadata: metadata(true),
  spec: z.strictObject({ selector: labels.default({}), ports: z.array(servicePort).min(1) }),
});

const workloadEntry = z.strictObject({
  apiVersion: z.literal("networking.istio.io/v1"),
  kind: z.literal("WorkloadEntry"),
  metadata: metadata(true),
  spec: z.strictObject({
    address: z.string().min(1),
    ports: z.record(z.string(), port).default({}),
    labels: labels.default({}),
    serviceAccount: label.default("default"),
    weight: z.number().int().min(0).default(1),
  }),
});

/** Every kind, by the form in which users write it. The output is the model's. */
export const KINDS: Readonly<Record<Kind, z.ZodType<Resource>>> = {
  Mesh: mesh,
  Namespace: namespace,
  ServiceAccount: serviceAccount,
  Federation: federation,
  Service: service,
  WorkloadEntry: workloadEntry,
  AuthorizationPolicy: authorizationPolicy,
  AuthorizationProvider: authorizationProvider,
  RequestAuthentication: requestAuthentication,
  PeerAuthentication: peerAuthentication,
  AccessPolicy: accessPolicy,
  NetworkPolicy: networkPolicy,
  HTTPRoute: httpRoute,
  GRPCRoute: grpcRoute,
  TCPRoute: tcpRoute,
  TLSRoute: tlsRoute,
  ReferenceGrant: referenceGrant,
  DestinationRule: destinationRule,
  RequestPolicy: requestPolicy,
  RateLimitPolicy: rateLimitPolicy,
  NodeAttestation: nodeAttestation,
  AdminRole: adminRole,
};

export const CLUSTER_SCOPED: ReadonlySet<Kind> = new Set([
  "Mesh",
  "Namespace",
  "Federation",
  "AuthorizationProvider",
  "NodeAttestation",
]);

/** The nouns of a `heddle.yaml`, after defaults. */

import type { AppProtocol } from "#model";

export interface Application {
  readonly name: string;
  readonly namespace: string;
  readonly trustDomain: string;
  readonly svidTtlMs: number;
  /** Files and folders of resources, relative to the project. */
  readonly resources: readonly string[];
  readonly services: readonly ApplicationService[];
  readonly gateways: readonly ApplicationGateway[];
}

export interface ApplicationService {
  readonly name: string;
  /** Words, or one line for the shell. */
  readonly command: string | readonly string[];
  /** Relative to the project. */
  readonly directory: string;
  readonly replicas: number;
  /** Versions that run side by side, each with replicas and variables of its own; none runs `replicas` of one. */
  readonly versions: readonly ApplicationVersion[];
  /** Where other agents reach this workload's agent, when something passes their connections on. */
  readonly advertise?: { readonly address: string; readonly port: number } | undefined;
  /** The app's own port; undefined has one chosen. */
  readonly port: number | undefined;
  /** Services it calls: each gets a listener of its own and environment variables. */
  readonly calls: readonly string[];
  /** Services and gateways that must be ready first, besides those it calls. */
  readonly after: readonly string[];
  readonly role: "service" | "load-balancer";
  /** What it speaks; `auto` is found out from the first bytes of each connection. */
  readonly protocol: AppProtocol;
  /** A program that speaks TLS: who may have signed its certificate (a PEM file, relative to the project), and the name it is for. */
  readonly tls?: { readonly caCertificates: string; readonly hostname: string } | undefined;
  /** False runs the program as it is, without a sidecar and without an identity. */
  readonly mesh: boolean;
  readonly readiness: {
    readonly path: string | undefined;
    /** Service that gRPC's health protocol is asked about, "" for the whole server; undefined: it is not asked. */
    readonly grpc: string | undefined;
    readonly withinMs: number;
  };
  readonly env: Readonly<Record<string, string>>;
}

/** One version of a service: its label, its own replicas, and what differs in its environment. */
export interface ApplicationVersion {
  readonly name: string;
  readonly replicas: number;
  /** In place of the service's. */
  readonly command?: string | readonly string[] | undefined;
  /** Besides the service's. */
  readonly env: Readonly<Record<string, string>>;
}

export interface ApplicationGateway {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** What callers are shown: PEM files, relative to the project; undefined hears them in the clear. */
  readonly tls?: { readonly certificate: string; readonly privateKey: string } | undefined;
  /** The service that everything arriving here is sent to. */
  readonly to: string;
}

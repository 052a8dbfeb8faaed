/**
 * What an app speaks, as its service's `appProtocol` declares it. `auto`: nothing declared, found out from the first bytes. `http`:
 * either version, told from the first bytes. `tcp`: bytes as they are, TLS of the app's own among them.
 */
export const APP_PROTOCOLS = ["auto", "http", "http1", "http2", "grpc", "tcp"] as const;

export type AppProtocol = (typeof APP_PROTOCOLS)[number];

export function isAppProtocol(value: unknown): value is AppProtocol {
  return APP_PROTOCOLS.some((each) => each === value);
}

const BY_NAME: ReadonlyMap<string, AppProtocol> = new Map([
  ["http", "http"],
  ["http1", "http1"],
  ["http2", "http2"],
  ["h2c", "http2"],
  ["kubernetes.io/h2c", "http2"],
  ["kubernetes.io/ws", "http1"],
  ["grpc", "grpc"],
  ["tcp", "tcp"],
  ["tls", "tcp"],
  ["https", "tcp"],
  ["mysql", "tcp"],
  ["mongo", "tcp"],
  ["postgresql", "tcp"],
  ["redis", "tcp"],
]);

/** The protocol behind a declared name (Kubernetes' `appProtocol`, Istio's names); `auto` for none and for unknown ones. */
export function appProtocolOf(declared: string): AppProtocol {
  return BY_NAME.get(declared.toLowerCase()) ?? "auto";
}

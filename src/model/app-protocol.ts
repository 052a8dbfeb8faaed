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

/**
 * What a port speaks: by its `appProtocol` (Kubernetes' names and Istio's), else by the first word of its name as Istio reads it
 * (`grpc-orders`, `tcp-db`), else `auto`.
 */
export function appProtocolOf(port: { readonly name: string; readonly appProtocol: string }): AppProtocol {
  return BY_NAME.get(port.appProtocol.toLowerCase()) ?? BY_NAME.get(port.name.split("-")[0] ?? "") ?? "auto";
}

import type { Application } from "./application.ts";

/** A file of resources, as text. */
export interface ResourceFile {
  readonly file: string;
  readonly text: string;
}

const HTTP_PORT = 80;

/**
 * What the application itself says about the mesh, as ordinary resources: the mesh, its namespace, and a service account and a
 * service for each of its services. JSON is YAML, so that it goes the way of every other file.
 */
export function applicationResources(application: Application): ResourceFile {
  const { namespace, trustDomain, svidTtlMs } = application;
  const meshed = application.services.filter((each) => each.mesh);
  const accounts = [...meshed.map((each) => each.name), ...application.gateways.map((each) => each.name)];
  const documents = [
    {
      apiVersion: "heddle.dev/v1",
      kind: "Mesh",
      metadata: { name: "mesh" },
      spec: { trustDomain, svidTtl: `${svidTtlMs}ms` },
    },
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    ...accounts.map((name) => ({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } })),
    ...meshed.map(({ name, protocol }) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace },
      spec: { selector: { app: name }, ports: [{ name: "app", port: HTTP_PORT, appProtocol: protocol }] },
    })),
  ];
  return { file: "heddle.yaml", text: documents.map((each) => JSON.stringify(each)).join("\n---\n") };
}

import { importedAuthorizationPolicy } from "./authorization-policy.ts";
import { type Fields, fieldsOf, listOf, textOf, wordsOf } from "./fields.ts";
import { importedNetworkPolicy } from "./network-policy.ts";

/** What is not here as it was there. */
export interface ImportNote {
  /** `Kind/namespace/name`. */
  readonly object: string;
  /**
   * `lost`: the object, or a part that restricts, has no form here; something may be allowed here that was denied there.
   * `denies-more`: a request may be denied here that was allowed there. `same`: worth knowing.
   */
  readonly effect: "lost" | "denies-more" | "same";
  readonly message: string;
}

export interface ImportedObjects {
  /** As users write resources, still to be read as such. */
  readonly objects: readonly object[];
  readonly notes: readonly ImportNote[];
}

/** A policy without its rules is no policy: each kind says itself what it can do without. */
type Importer = (object: Fields, all: readonly Fields[]) => Omit<ImportedObject, "label">;

export interface ImportedObject {
  readonly spec: object | undefined;
  readonly notes: readonly Omit<ImportNote, "object">[];
}

const PLAIN: Importer = () => ({ spec: {}, notes: [] });
/** Taken as it is: its fields are the same here. */
const WHOLE: Importer = (object) => ({ spec: fieldsOf(object["spec"]) ?? {}, notes: [] });
const IMPORTERS: Readonly<Record<string, { readonly apiVersion: string; readonly import: Importer }>> = {
  AuthorizationPolicy: { apiVersion: "security.istio.io/v1", import: importedAuthorizationPolicy },
  NetworkPolicy: { apiVersion: "networking.k8s.io/v1", import: importedNetworkPolicy },
  RequestAuthentication: { apiVersion: "security.istio.io/v1", import: WHOLE },
  PeerAuthentication: { apiVersion: "security.istio.io/v1", import: WHOLE },
  Namespace: { apiVersion: "v1", import: PLAIN },
  ServiceAccount: { apiVersion: "v1", import: PLAIN },
};
const GROUPS: Readonly<Record<string, RegExp>> = {
  AuthorizationPolicy: /^security\.istio\.io\/v1(?:beta1)?$/,
  NetworkPolicy: /^networking\.k8s\.io\/v1$/,
  PeerAuthentication: /^security\.istio\.io\/v1(?:beta1)?$/,
  RequestAuthentication: /^security\.istio\.io\/v1(?:beta1)?$/,
  Namespace: /^v1$/,
  ServiceAccount: /^v1$/,
};

/** Lists are opened; what is no policy, and says nothing of who is who, is passed over. */
export function importObjects(values: readonly unknown[]): ImportedObjects {
  const all = values.flatMap(opened);
  const imported = all.map((each) => importedOne(each, all));
  return { objects: imported.flatMap(({ objects }) => objects), notes: imported.flatMap(({ notes }) => notes) };
}

function opened(value: unknown): readonly Fields[] {
  const fields = fieldsOf(value);
  if (fields === undefined) return [];
  return textOf(fields["kind"]).endsWith("List") && Array.isArray(fields["items"])
    ? listOf(fields["items"]).flatMap(opened)
    : [fields];
}

function importedOne(object: Fields, all: readonly Fields[]): ImportedObjects {
  const [kind, apiVersion] = [textOf(object["kind"]), textOf(object["apiVersion"])];
  const metadata = fieldsOf(object["metadata"]) ?? {};
  const label = [kind, textOf(metadata["namespace"]), textOf(metadata["name"])].filter((each) => each !== "").join("/");
  const importer = IMPORTERS[kind];
  if (importer === undefined || GROUPS[kind]?.test(apiVersion) !== true) return passedOver(label, { kind, apiVersion });
  const { spec, notes } = importer.import(object, all);
  const told = notes.map((each) => ({ object: label, ...each }));
  if (spec === undefined) return { objects: [], notes: told };
  const named = { apiVersion: importer.apiVersion, kind, metadata: metadataOf(metadata, kind === "Namespace") };
  return {
    objects: [Object.keys(spec).length === 0 && importer.import === PLAIN ? named : { ...named, spec }],
    notes: told,
  };
}

/** Kinds that decide who may call whom, and have no form here yet. */
const DECIDING =
  /^(?:security\.istio\.io|networking\.k8s\.io|policy\.networking\.k8s\.io|cilium\.io|policy\.linkerd\.io)\//;

function passedOver(
  object: string,
  { kind, apiVersion }: { readonly kind: string; readonly apiVersion: string },
): ImportedObjects {
  const isDeciding = DECIDING.test(apiVersion) && !/^(?:Ingress|IngressClass)$/.test(kind);
  const message = isDeciding
    ? `is a ${kind || "thing"} of ${apiVersion}, which is not imported`
    : `is no policy, and is passed over`;
  return { objects: [], notes: [{ object, effect: isDeciding ? "lost" : "same", message }] };
}

/** Written by tools of the cluster, and of no meaning elsewhere. */
const TOOL_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";

function metadataOf(metadata: Fields, isClusterScoped: boolean): object {
  const { [TOOL_ANNOTATION]: _, ...annotations } = wordsOf(metadata["annotations"]);
  const namespace = textOf(metadata["namespace"]);
  return {
    name: textOf(metadata["name"]),
    ...(isClusterScoped ? {} : { namespace: namespace === "" ? "default" : namespace }),
    ...(metadata["labels"] === undefined ? {} : { labels: wordsOf(metadata["labels"]) }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

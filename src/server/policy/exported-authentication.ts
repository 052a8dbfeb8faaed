/** What policies for Istio lean on: who verifies tokens there, and how callers prove who they are. */
import { inboundRulesFor, type MeshSnapshot } from "#mesh";
import type { Resource } from "#model";
import { manifestOf } from "#model/manifest";

/**
 * Without them Istio verifies no token, so that a rule that denies by one would deny nothing; and takes plaintext, which nothing said here
 * is STRICT. `namespaces` are those of the workloads that are written.
 */
export function authenticationsFor(
  snapshot: MeshSnapshot,
  { namespace, namespaces }: { readonly namespace: string | undefined; readonly namespaces: Iterable<string> },
): readonly object[] {
  const { inputs, settings } = snapshot;
  const isWanted = (each: string): boolean =>
    namespace === undefined || each === namespace || each === settings.rootNamespace;
  const own = inputs.resources.filter((each) => isAuthentication(each) && isWanted(each.metadata.namespace));
  return [...own.map((each) => manifestOf(unstamped(each))), ...defaultModes(snapshot, namespaces)];
}

/** One that decides nothing would be in the way of the mode that is written for its namespace. */
function isAuthentication(resource: Resource): boolean {
  if (resource.kind === "RequestAuthentication") return true;
  return resource.kind === "PeerAuthentication" && (resource.spec.selector !== undefined || isNamespaceWide(resource));
}

function isNamespaceWide(resource: Resource): boolean {
  return (
    resource.kind === "PeerAuthentication" && resource.spec.selector === undefined && resource.spec.mtls !== "UNSET"
  );
}

/** The root namespace may be another there: each namespace without a mode of its own is told the one that holds. */
function defaultModes(snapshot: MeshSnapshot, namespaces: Iterable<string>): readonly object[] {
  const decided = new Set(snapshot.inputs.resources.filter(isNamespaceWide).map(({ metadata }) => metadata.namespace));
  return [...new Set(namespaces)]
    .filter((namespace) => !decided.has(namespace))
    .map((namespace) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { namespace, name: "heddle-default" },
      spec: { mtls: { mode: inboundRulesFor(snapshot, { namespace, labels: {} }).mtls } },
    }));
}

/** What the store has written into an object is its own. */
function unstamped(resource: Resource): Resource {
  const {
    resourceVersion: _,
    uid: _uid,
    generation: _generation,
    creationTimestamp: _created,
    ...metadata
  } = resource.metadata;
  return { ...resource, metadata };
}

import type { Resource, ResourceRef } from "#model";

/** The resources as they would be once the given ones were applied and others deleted. What was there keeps its age. */
export function overlaid(
  held: readonly Resource[],
  given: readonly Resource[],
  deleted: readonly ResourceRef[] = [],
): readonly Resource[] {
  const before = new Map(held.map((each) => [keyOf({ kind: each.kind, ...each.metadata }), each]));
  const added = given.map((each) => withAge(each, before.get(keyOf({ kind: each.kind, ...each.metadata }))));
  const gone = new Set([...added.map(({ kind, metadata }) => keyOf({ kind, ...metadata })), ...deleted.map(keyOf)]);
  return [...held.filter(({ kind, metadata }) => !gone.has(keyOf({ kind, ...metadata }))), ...added];
}

/** Where the oldest has its way, what is new comes last. */
const NEW = "9999-12-31T23:59:59Z";

function withAge<R extends Resource>(given: R, held: Resource | undefined): R {
  const creationTimestamp = held === undefined ? NEW : held.metadata.creationTimestamp;
  return creationTimestamp === undefined ? given : { ...given, metadata: { ...given.metadata, creationTimestamp } };
}

function keyOf({ kind, namespace, name }: ResourceRef): string {
  return `${kind}/${namespace}/${name}`;
}

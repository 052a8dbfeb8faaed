import type { Resource } from "#model";

/** The resources as they would be once the given ones were applied. */
export function overlaid(held: readonly Resource[], given: readonly Resource[]): readonly Resource[] {
  const replaced = new Set(given.map(keyOf));
  return [...held.filter((each) => !replaced.has(keyOf(each))), ...given];
}

function keyOf({ kind, metadata: { namespace, name } }: Resource): string {
  return `${kind}/${namespace}/${name}`;
}

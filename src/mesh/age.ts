import type { Resource } from "#model";

/** The oldest first, then by name: where two say the same thing, the first has its way (Gateway API, `HTTPRouteRule.matches`). */
export function byAge(a: Pick<Resource, "metadata">, b: Pick<Resource, "metadata">): number {
  const [first, second] = [a, b].map(({ metadata }) => [
    metadata.creationTimestamp ?? "",
    `${metadata.namespace}/${metadata.name}`,
  ]) as [string[], string[]];
  for (const [index, each] of first.entries())
    if (each !== second[index]) return each < (second[index] as string) ? -1 : 1;
  return 0;
}

/** Leaves out what says nothing: absent values, empty lists and empty maps. */
export function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .map(([name, each]) => [name, compact(each)] as const)
    .filter(([, each]) => each !== undefined && !isEmpty(each));
  return Object.fromEntries(kept);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

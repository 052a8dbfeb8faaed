import {
  failure,
  type ObjectMeta,
  type Problem,
  problem,
  type Resource,
  type ResourceRef,
  type Result,
  success,
} from "#model";

export type ChangeAction = "created" | "updated" | "deleted" | "unchanged";

/** What one step does to one resource. */
export interface PlannedChange {
  readonly ref: ResourceRef;
  readonly action: ChangeAction;
  readonly before: Resource | undefined;
  readonly after: Resource | undefined;
}

/** What the store adds to a resource that it takes in. */
export interface Stamp {
  readonly revision: number;
  readonly nowMs: number;
  readonly uid: () => string;
}

export function refOf({ kind, metadata }: Resource): ResourceRef {
  return { kind, namespace: metadata.namespace, name: metadata.name };
}

export function refKey({ kind, namespace, name }: ResourceRef): string {
  return `${kind}/${namespace}/${name}`;
}

/** A text that is the same for equal values, whatever the order of their fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([left], [right]) => (left < right ? -1 : 1)))
      : each,
  );
}

function specText(resource: Resource): string {
  return "spec" in resource ? canonical(resource.spec) : "";
}

function isSame(left: Resource, right: Resource): boolean {
  const [a, b] = [left.metadata, right.metadata];
  const isSameMeta = canonical([a.labels, a.annotations]) === canonical([b.labels, b.annotations]);
  return isSameMeta && specText(left) === specText(right);
}

function conflict(ref: ResourceRef, given: string, before: Resource | undefined): Problem {
  const now = before?.metadata.resourceVersion;
  const what = now === undefined ? "it was deleted" : `it is at revision ${now} now`;
  return problem("HDL_STORE_CONFLICT", `${refKey(ref)} was read at revision ${given}; ${what}`);
}

function stamped(given: Resource, before: Resource | undefined, stamp: Stamp): Resource {
  const { name, namespace, labels, annotations } = given.metadata;
  const isNewSpec = before !== undefined && specText(before) !== specText(given);
  const metadata: ObjectMeta = {
    name,
    namespace,
    labels,
    annotations,
    resourceVersion: String(stamp.revision),
    uid: before?.metadata.uid ?? stamp.uid(),
    generation: (before?.metadata.generation ?? 1) + (isNewSpec ? 1 : 0),
    creationTimestamp: before?.metadata.creationTimestamp ?? new Date(stamp.nowMs).toISOString(),
  };
  return { ...given, metadata };
}

/** What applying these resources would do. A `resourceVersion` that was sent along must still be the stored one. */
export function planApply(
  given: readonly Resource[],
  held: ReadonlyMap<string, Resource>,
  stamp: Stamp,
): Result<readonly PlannedChange[]> {
  const problems: Problem[] = [];
  const changes = given.map((resource): PlannedChange => {
    const ref = refOf(resource);
    const before = held.get(refKey(ref));
    const version = resource.metadata.resourceVersion;
    if (version !== undefined && version !== before?.metadata.resourceVersion)
      problems.push(conflict(ref, version, before));
    if (before !== undefined && isSame(before, resource)) return { ref, action: "unchanged", before, after: before };
    const after = stamped(resource, before, stamp);
    return { ref, action: before === undefined ? "created" : "updated", before, after };
  });
  const [first, ...rest] = problems;
  return first === undefined ? success(changes) : failure(first, ...rest);
}

/** What deleting would do; one that is not there is a problem. */
export function planDelete(
  refs: readonly ResourceRef[],
  held: ReadonlyMap<string, Resource>,
): Result<readonly PlannedChange[]> {
  const problems: Problem[] = [];
  const changes = refs.map((ref): PlannedChange => {
    const before = held.get(refKey(ref));
    if (before === undefined) problems.push(problem("HDL_STORE_MISSING", `there is no ${refKey(ref)}`));
    return { ref, action: "deleted", before, after: undefined };
  });
  const [first, ...rest] = problems;
  return first === undefined ? success(changes) : failure(first, ...rest);
}

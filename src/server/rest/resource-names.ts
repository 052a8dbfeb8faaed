/** Resources as requests name them. */
import { failure, type Kind, problem, type ResourceRef, type Result, success, valueOrThrow } from "#model";
import { CLUSTER_SCOPED, KINDS, nearestName } from "#model/manifest";

/** By its name or its plural, in any case. */
export function kindOf(text: string): Result<Kind> {
  const known = Object.keys(KINDS) as Kind[];
  const wanted = text.toLowerCase();
  const found = known.find((kind) => wanted === kind.toLowerCase() || wanted === pluralOf(kind));
  if (found !== undefined) return success(found);
  const nearest = nearestName(text, known);
  const hint = nearest === undefined ? `known kinds are ${known.join(", ")}` : `did you mean \`${nearest}\`?`;
  return failure(problem("HDL_MANIFEST_KIND", `there is no kind \`${text}\`; ${hint}`));
}

function pluralOf(kind: Kind): string {
  const lower = kind.toLowerCase();
  if (lower.endsWith("y")) return `${lower.slice(0, -1)}ies`;
  return /(?:s|sh)$/.test(lower) ? `${lower}es` : `${lower}s`;
}

/** A kind that has no namespace has none, whatever was said. */
export function refOf({ kind: text, name, namespace }: Record<"kind" | "name" | "namespace", string>): ResourceRef {
  const kind = valueOrThrow(kindOf(text));
  return { kind, name, namespace: CLUSTER_SCOPED.has(kind) ? "" : namespace };
}

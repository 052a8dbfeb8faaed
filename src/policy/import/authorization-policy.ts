/** Istio's AuthorizationPolicy, of any version that a cluster gives out. */
import { parseConditionKey } from "#model";
import { type Fields, fieldsOf, listOf, textOf } from "./fields.ts";
import type { ImportedObject } from "./import-objects.ts";

type Note = ImportedObject["notes"][number];

export function importedAuthorizationPolicy(object: Fields, all: readonly Fields[]): ImportedObject {
  const { targetRef, targetRefs, selector, rules, ...rest } = fieldsOf(object["spec"]) ?? {};
  const targets = [...(targetRef === undefined ? [] : [targetRef]), ...listOf(targetRefs)].map(
    (each) => fieldsOf(each) ?? {},
  );
  const notes: Note[] = [];
  const selected = targets.length === 0 ? selector : selectorOfTargets(targets, { object, all });
  if (targets.length > 0 && selected === undefined) {
    const message = `holds for ${targets.map((each) => `${textOf(each["kind"])} ${textOf(each["name"])}`).join(", ")}, which has no selector here; give the file of that one Service too, or write a \`selector\``;
    return { spec: undefined, notes: [{ effect: "lost", message }] };
  }
  if (rest["action"] === "CUSTOM") {
    const message =
      "asks an external authorizer: without an AuthorizationProvider of its name what it concerns is denied";
    notes.push({ effect: "denies-more", message });
  }
  const isAllowing = rest["action"] === undefined || rest["action"] === "ALLOW";
  const kept = Array.isArray(rules)
    ? rules.flatMap((rule, index) => keptRule(rule, { isAllowing, index, notes }))
    : rules;
  return {
    spec: {
      ...(selected === undefined ? {} : { selector: selected }),
      ...rest,
      ...(kept === undefined ? {} : { rules: kept }),
    },
    notes,
  };
}

/** Of one Service whose own file is there too: a policy has one selector. */
function selectorOfTargets(
  targets: readonly Fields[],
  { object, all }: { readonly object: Fields; readonly all: readonly Fields[] },
): object | undefined {
  const [target, ...more] = targets;
  if (target === undefined || more.length > 0 || target["kind"] !== "Service") return undefined;
  const namespace = fieldsOf(object["metadata"])?.["namespace"];
  const service = all.find((each) => {
    const metadata = fieldsOf(each["metadata"]);
    return each["kind"] === "Service" && metadata?.["name"] === target["name"] && metadata?.["namespace"] === namespace;
  });
  const matchLabels = fieldsOf(fieldsOf(service?.["spec"])?.["selector"]);
  return matchLabels === undefined ? undefined : { matchLabels };
}

interface RuleContext {
  readonly isAllowing: boolean;
  readonly index: number;
  readonly notes: Note[];
}

/** A condition that is not known here: a rule that allows is nothing without it, one that restricts does so more. */
function keptRule(rule: unknown, { isAllowing, index, notes }: RuleContext): readonly unknown[] {
  const fields = fieldsOf(rule);
  const conditions = listOf(fields?.["when"]);
  const unknown = conditions.filter((each) => typeof parseConditionKey(textOf(fieldsOf(each)?.["key"])) === "string");
  if (fields === undefined || unknown.length === 0) return [rule];
  const keys = unknown.map((each) => textOf(fieldsOf(each)?.["key"])).join(", ");
  const what = isAllowing ? "is left out" : "holds without that condition";
  notes.push({
    effect: "denies-more",
    message: `rule ${index + 1} looks at ${keys}, which is not known here, and ${what}`,
  });
  if (isAllowing) return [];
  return [{ ...fields, when: conditions.filter((each) => !unknown.includes(each)) }];
}

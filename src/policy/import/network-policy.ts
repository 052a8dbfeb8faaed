/** Kubernetes' NetworkPolicy. */
import { type Fields, fieldsOf, listOf, textOf } from "./fields.ts";
import type { ImportedObject } from "./import-objects.ts";

type Note = ImportedObject["notes"][number];

export function importedNetworkPolicy(object: Fields): ImportedObject {
  const { policyTypes, egress, ingress, podSelector } = fieldsOf(object["spec"]) ?? {};
  const notes: Note[] = [];
  const written = listOf(policyTypes);
  const types = written.length > 0 ? written : listOf(egress).length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
  const rulesOf = (rules: unknown, type: string): readonly unknown[] | undefined => {
    if (types.includes(type)) return listOf(rules).flatMap((rule, index) => keptRule(rule, index, notes));
    if (listOf(rules).length > 0)
      notes.push({
        effect: "same",
        message: `has rules of ${type} that its policyTypes leave without effect; they are left out`,
      });
    return undefined;
  };
  const [inwards, outwards] = [rulesOf(ingress, "Ingress"), rulesOf(egress, "Egress")];
  if ([...(inwards ?? []), ...(outwards ?? [])].some(hasPods)) {
    const message = "selects pods, who are known here by the labels of their ServiceAccount and not by their own";
    notes.push({ effect: "same", message });
  }
  if (outwards !== undefined) {
    const message = "is about egress, which is enforced for calls that go through the agent, and for nothing else";
    notes.push({ effect: "lost", message });
  }
  return {
    spec: {
      podSelector: podSelector ?? {},
      policyTypes: types,
      ...(inwards === undefined ? {} : { ingress: inwards }),
      ...(outwards === undefined ? {} : { egress: outwards }),
    },
    notes,
  };
}

/** A rule of which no port is left allows nothing: without `ports` it would allow all. */
function keptRule(rule: unknown, index: number, notes: Note[]): readonly unknown[] {
  const fields = fieldsOf(rule);
  const ports = listOf(fields?.["ports"]);
  const named = ports.filter((each) => typeof fieldsOf(each)?.["port"] === "string");
  if (fields === undefined || named.length === 0) return [rule];
  const names = named.map((each) => textOf(fieldsOf(each)?.["port"])).join(", ");
  notes.push({
    effect: "denies-more",
    message: `rule ${index + 1} has ports by name (${names}), which are left out; write their numbers`,
  });
  const left = ports.filter((each) => !named.includes(each));
  return left.length === 0 ? [] : [{ ...fields, ports: left }];
}

function hasPods(rule: unknown): boolean {
  const { from, to } = fieldsOf(rule) ?? {};
  return [...listOf(from), ...listOf(to)].some((each) => fieldsOf(each)?.["podSelector"] !== undefined);
}

/** Kubernetes' NetworkPolicy, of which the mesh enforces the ingress side. */
import { type Fields, fieldsOf, listOf, textOf } from "./fields.ts";
import type { ImportedObject } from "./import-objects.ts";

type Note = ImportedObject["notes"][number];

export function importedNetworkPolicy(object: Fields): ImportedObject {
  const { policyTypes, egress, ingress, podSelector } = fieldsOf(object["spec"]) ?? {};
  const notes: Note[] = [];
  const types = listOf(policyTypes);
  if (egress !== undefined || types.includes("Egress"))
    notes.push({
      effect: "lost",
      message: "has rules of egress, which are not enforced here; write them as ingress at the destination",
    });
  if (types.length > 0 && !types.includes("Ingress")) return { spec: undefined, notes };
  const rules = listOf(ingress).flatMap((rule, index) => keptRule(rule, index, notes));
  if (rules.some(hasPods)) {
    const message = "selects pods, who are known here by the labels of their ServiceAccount and not by their own";
    notes.push({ effect: "same", message });
  }
  return { spec: { podSelector: podSelector ?? {}, ingress: rules }, notes };
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
  return listOf(fieldsOf(rule)?.["from"]).some((each) => fieldsOf(each)?.["podSelector"] !== undefined);
}

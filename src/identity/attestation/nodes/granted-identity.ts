/** Which identities a node may take, by what is known of it. Pure. */
import type { AttestedIdentities } from "#model";
import type { WorkloadName } from "../join-tokens.ts";
import type { AttestedNode } from "./evidence.ts";

type Facts = AttestedNode["facts"];

/** Whether one of the grants is met by the facts and covers the identity that is asked for. */
export function mayTake(asked: WorkloadName, grants: readonly AttestedIdentities[], facts: Facts): boolean {
  return grants.some(
    ({ workloads, where }) => isMet(where, facts) && workloads.some((each) => covers(each, asked, facts)),
  );
}

/** Each fact must have a value that fits one of its patterns; a fact that is not known fits none. */
function isMet(where: AttestedIdentities["where"], facts: Facts): boolean {
  return Object.entries(where).every(([name, patterns]) =>
    valuesOf(facts, name).some((value) => patterns.some((pattern) => fits(pattern, value))),
  );
}

function fits(pattern: string, value: string): boolean {
  if (pattern === "*") return true;
  if (pattern.startsWith("*")) return value.endsWith(pattern.slice(1));
  return pattern.endsWith("*") ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
}

function covers(template: string, asked: WorkloadName, facts: Facts): boolean {
  const [namespace = "", serviceAccount = ""] = template.split("/");
  return fills(namespace, asked.namespace, facts) && fills(serviceAccount, asked.serviceAccount, facts);
}

/** Whether the label is the template with a value in place of each fact. */
function fills(template: string, label: string, facts: Facts): boolean {
  if (template === "*") return true;
  const open = template.indexOf("{");
  if (open < 0) return template === label;
  const close = template.indexOf("}", open);
  if (!label.startsWith(template.slice(0, open))) return false;
  return valuesOf(facts, template.slice(open + 1, close)).some(
    (value) =>
      label.startsWith(value, open) && fills(template.slice(close + 1), label.slice(open + value.length), facts),
  );
}

/** An empty value says nothing: `{commonName}-x` must not be `-x`. */
function valuesOf(facts: Facts, name: string): readonly string[] {
  return Object.hasOwn(facts, name) ? (facts[name] ?? []).filter((value) => value !== "") : [];
}

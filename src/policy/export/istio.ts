/** Istio's AuthorizationPolicy (`security.istio.io/v1`): one that denies and one that allows, for each workload. */

import type { AuthorizationRule } from "#model";
import { manifestOf } from "#model/manifest";
import {
  type ConditionMatch,
  type OperationMatch,
  operationMatch,
  type SourceMatch,
  sourceMatch,
  type Term,
  type TermAttribute,
} from "#policy";
import type { ExportedWorkload, ExportFacts, Written } from "./export.ts";
import { keptPlan } from "./kept.ts";
import { type PlannedClause, planOf } from "./plan.ts";

/** A range has no form of its own; a longer one is not written out. */
const PORTS_MAX = 256;

export function istioExport(workload: ExportedWorkload, facts: ExportFacts): Written {
  const label = `${workload.namespace}/${workload.name}`;
  const plan = keptPlan(planOf(workload, facts), label, cannotHold);
  const written = (action: "ALLOW" | "DENY", clauses: readonly PlannedClause[]): object =>
    manifestOf({
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: {
        namespace: workload.namespace,
        name: `${workload.name}-${action.toLowerCase()}`,
        labels: {},
        annotations: {},
      },
      spec: {
        selector: workload.labels,
        action,
        rules: clauses.length === 0 ? undefined : clauses.map(ruleOf),
      },
    });
  const documents = [
    ...(plan.deny.length === 0 ? [] : [written("DENY", plan.deny)]),
    ...(plan.allow === undefined ? [] : [written("ALLOW", plan.allow)]),
  ];
  return { documents, text: "", notes: plan.notes };
}

const SOURCE_FIELDS: Partial<Record<TermAttribute, keyof SourceMatch>> = {
  "source.principal": "principals",
  "source.namespace": "namespaces",
  "source.serviceAccount": "serviceAccounts",
  "source.ip": "ipBlocks",
  "remote.ip": "remoteIpBlocks",
  "request.auth.principal": "requestPrincipals",
};
const OPERATION_FIELDS: Partial<Record<TermAttribute, keyof OperationMatch>> = {
  "request.method": "methods",
  "request.path": "paths",
  "request.host": "hosts",
  "destination.port": "ports",
};
const ACCOUNTS_MAX = 16;

/** A second list of one attribute goes to `when`, where the attribute has a key. */
function cannotHold(term: Term, clause: PlannedClause): string | undefined {
  const { attribute, patterns } = term;
  if (attribute === "destination.port" && portList(patterns) === undefined)
    return `Istio has no ranges of ports, and ${patterns.join(", ")} are too many`;
  if (attribute === "source.serviceAccount") {
    const hasOther = clause.terms.some((each) => /^source\.(?:principal|namespace)$/.test(each.attribute));
    if (hasOther) return "Istio has service accounts only where there are neither principals nor namespaces";
    if (patterns.length > ACCOUNTS_MAX) return `Istio has at most ${ACCOUNTS_MAX} service accounts in a list`;
  }
  const isSecond =
    clause.terms.find((each) => each.attribute === attribute && each.isNegated === term.isNegated) !== term;
  const hasKey = !/^(?:source\.serviceAccount|request\.(?:method|path|host))$/.test(attribute);
  return isSecond && !hasKey ? `Istio has one list of ${attribute} in a rule` : undefined;
}

function ruleOf({ terms }: PlannedClause): AuthorizationRule {
  const source: Lists = {};
  const operation: Lists = {};
  const when: ConditionMatch[] = [];
  for (const term of terms) {
    const into = term.attribute in SOURCE_FIELDS ? source : operation;
    const name = fieldOf(term);
    if (name === undefined || name in into) when.push(conditionOf(term));
    else into[name] = valuesOf(term);
  }
  const [hasSource, hasOperation] = [source, operation].map((each) => Object.keys(each).length > 0);
  return {
    from: hasSource === true ? [sourceMatch(source)] : [],
    to: hasOperation === true ? [operationMatch(operation)] : [],
    when,
  };
}

function conditionOf(term: Term): ConditionMatch {
  const [values, key] = [valuesOf(term), keyOf(term.attribute)];
  return term.isNegated ? { key, values: [], notValues: values } : { key, values, notValues: [] };
}

function valuesOf({ attribute, patterns }: Term): readonly string[] {
  return attribute === "destination.port" ? (portList(patterns) ?? []) : patterns;
}

type Lists = Record<string, readonly string[]>;

function fieldOf({ attribute, isNegated }: Term): string | undefined {
  const field = SOURCE_FIELDS[attribute] ?? OPERATION_FIELDS[attribute];
  return field === undefined || !isNegated ? field : `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
}

/** Words that Istio has for claims of its own. */
function keyOf(attribute: TermAttribute): string {
  if (attribute === "request.auth.claims[aud]") return "request.auth.audiences";
  return attribute === "request.auth.claims[azp]" ? "request.auth.presenter" : attribute;
}

/** Undefined where a range is too long to write out. */
function portList(patterns: readonly string[]): readonly string[] | undefined {
  const ranges = patterns.map((each) => each.split("-").map(Number));
  const count = ranges.reduce((sum, [first = 0, last = first]) => sum + last - first + 1, 0);
  if (count > PORTS_MAX) return undefined;
  return ranges.flatMap(([first = 0, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, index) => String(first + index)),
  );
}

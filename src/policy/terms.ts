/** Rules as flat lists of terms, for reasoning about them: what is compared with each other, and what is written for other systems. */
import { parseConditionKey } from "#model";
import type { OperationMatch, Rule, SourceMatch } from "./rule-set.ts";

/** Named as Istio names it in `when`; what has no key there is named alike. */
export type TermAttribute =
  | "source.principal"
  | "source.namespace"
  | "source.serviceAccount"
  | "source.ip"
  | "remote.ip"
  | "destination.ip"
  | "destination.port"
  | "connection.sni"
  | "request.method"
  | "request.path"
  | "request.host"
  | "request.auth.principal"
  /** The name in lower case. */
  | `request.headers[${string}]`
  | `request.auth.claims[${string}]`;

/** An attribute must match one of the patterns, or none of them. */
export interface Term {
  readonly attribute: TermAttribute;
  readonly isNegated: boolean;
  readonly patterns: readonly string[];
}

/** One source and one operation of a rule: all terms must hold, and so must the expression. */
export interface TermClause {
  /** Place of the rule in its policy. */
  readonly rule: number;
  readonly terms: readonly Term[];
  readonly expression: string;
  readonly unenforceable: string;
}

/** The rule matches where one of its clauses does. */
export function termClausesOf({ index, from, to, when, expression, unenforceable }: Rule): readonly TermClause[] {
  const conditions = when.flatMap(({ key, values, notValues }) => both(attributeOfKey(key), values, notValues));
  const sources: readonly (SourceMatch | undefined)[] = from.length === 0 ? [undefined] : from;
  const operations: readonly (OperationMatch | undefined)[] = to.length === 0 ? [undefined] : to;
  return sources.flatMap((source) =>
    operations.map((operation) => {
      const terms = [...sourceTerms(source), ...operationTerms(operation), ...conditions];
      return { rule: index, terms: terms.filter(({ patterns }) => patterns.length > 0), expression, unenforceable };
    }),
  );
}

/** Whether only a request of HTTP has it. */
export function isHttpAttribute(attribute: TermAttribute): boolean {
  return attribute.startsWith("request.");
}

function both(
  attribute: TermAttribute,
  patterns: readonly string[],
  notPatterns: readonly string[],
): readonly [Term, Term] {
  return [
    { attribute, isNegated: false, patterns },
    { attribute, isNegated: true, patterns: notPatterns },
  ];
}

function sourceTerms(source: SourceMatch | undefined): readonly Term[] {
  if (source === undefined) return [];
  return [
    ...both("source.principal", source.principals, source.notPrincipals),
    ...both("request.auth.principal", source.requestPrincipals, source.notRequestPrincipals),
    ...both("source.namespace", source.namespaces, source.notNamespaces),
    ...both("source.serviceAccount", source.serviceAccounts, source.notServiceAccounts),
    ...both("source.ip", source.ipBlocks, source.notIpBlocks),
    ...both("remote.ip", source.remoteIpBlocks, source.notRemoteIpBlocks),
  ];
}

function operationTerms(operation: OperationMatch | undefined): readonly Term[] {
  if (operation === undefined) return [];
  return [
    ...both("request.method", operation.methods, operation.notMethods),
    ...both("request.path", operation.paths, operation.notPaths),
    ...both("destination.port", operation.ports, operation.notPorts),
    ...both("request.host", operation.hosts, operation.notHosts),
  ];
}

/** A key that is not known is none of a policy that was read; it is kept as it is, so that it equals itself alone. */
function attributeOfKey(key: string): TermAttribute {
  const parsed = parseConditionKey(key);
  if (typeof parsed === "string") return `request.headers[${key}]`;
  switch (parsed.kind) {
    case "request.headers":
      return `request.headers[${parsed.name}]`;
    case "request.auth.claims":
      return `request.auth.claims[${parsed.path.join("][")}]`;
    case "request.auth.audiences":
      return "request.auth.claims[aud]";
    case "request.auth.presenter":
      return "request.auth.claims[azp]";
    case "source.ip":
    case "remote.ip":
    case "destination.ip":
    case "source.namespace":
    case "source.principal":
    case "destination.port":
    case "connection.sni":
    case "request.auth.principal":
      return parsed.kind;
  }
}

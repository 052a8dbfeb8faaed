/** Conditions of a rule, compiled: each compares one attribute of a request. */
import {
  type AddressBlock,
  type CompiledExpression,
  type ConditionKey,
  compileExpression,
  type IpAddress,
  isInBlock,
  parseAddressBlock,
  parseConditionKey,
} from "#model";
import { matchesClaim, RequestPrincipalMatcher } from "./claims.ts";
import { matchesHeader, type Reading, remoteAddressOf } from "./headers.ts";
import type { RequestAttributes } from "./request.ts";
import type { ConditionMatch, OperationMatch, SourceMatch } from "./rule-set.ts";
import { PathMatcher, PortMatcher, StringMatcher } from "./strings.ts";

/** What a condition constrains, in the words of the policy's own fields. */
export type ClauseField = keyof SourceMatch | keyof OperationMatch | `when ${string}` | "condition" | "unenforceable";

export interface Condition {
  readonly field: ClauseField;
  readonly isNegated: boolean;
  /** Of what can be read in several ways, by how many of them the condition must hold. */
  readonly reading: Reading;
  readonly test: Test;
}

export type Test =
  | {
      readonly kind: "principal" | "namespace" | "serviceAccount" | "serverName" | "method" | "host";
      readonly matcher: StringMatcher;
    }
  | { readonly kind: "path"; readonly matcher: PathMatcher }
  | { readonly kind: "port"; readonly matcher: PortMatcher }
  | {
      readonly kind: "sourceAddress" | "remoteAddress" | "destinationAddress";
      readonly blocks: readonly AddressBlock[];
    }
  | { readonly kind: "header"; readonly name: string; readonly matcher: StringMatcher }
  | { readonly kind: "requestPrincipal"; readonly matcher: RequestPrincipalMatcher }
  | { readonly kind: "expression"; readonly text: string; readonly evaluate: CompiledExpression }
  | { readonly kind: "claim"; readonly path: readonly string[]; readonly matcher: StringMatcher };

/** Whether the request has an attribute of the kind only when it is HTTP. */
export function isOfHttp({ kind }: Test): boolean {
  return HTTP_KINDS.has(kind);
}

const HTTP_KINDS: ReadonlySet<Test["kind"]> = new Set([
  "method",
  "path",
  "host",
  "header",
  "requestPrincipal",
  "claim",
  "expression",
]);

/** What is not at hand by itself. */
export type Need = "headers" | "claims" | "serverName";

/** What of a request must be at hand for a condition. */
export function needOf({ kind }: Test): Need | undefined {
  if (kind === "serverName") return kind;
  if (kind === "header" || kind === "remoteAddress") return "headers";
  return kind === "expression" || kind === "claim" || kind === "requestPrincipal" ? "claims" : undefined;
}

/** The conditions of a source or an operation, or why one of them cannot be decided. */
export function conditionsOf(
  match: Partial<SourceMatch & OperationMatch>,
  reading: Reading,
): readonly Condition[] | string {
  const conditions: Condition[] = [];
  for (const [field, patterns] of Object.entries(match) as [keyof typeof match, readonly string[]][]) {
    if (patterns.length === 0) continue;
    const isNegated = field.startsWith("not");
    const bare = isNegated ? field.charAt(3).toLowerCase() + field.slice(4) : field;
    const test = fieldTest(bare as PositiveField, patterns);
    if (typeof test === "string") return `${field}: ${test}`;
    conditions.push({ field, isNegated, reading, test });
  }
  return conditions;
}

/** The same of a rule's `when`. */
export function whenConditions(when: readonly ConditionMatch[], reading: Reading): readonly Condition[] | string {
  const conditions: Condition[] = [];
  for (const { key, values, notValues } of when) {
    const parsed = parseConditionKey(key);
    if (typeof parsed === "string") return parsed;
    for (const [isNegated, patterns] of [
      [false, values],
      [true, notValues],
    ] as const) {
      if (patterns.length === 0) continue;
      const test = keyTest(parsed, patterns);
      if (typeof test === "string") return `${key}: ${test}`;
      conditions.push({ field: `when ${key}`, isNegated, reading, test });
    }
  }
  return conditions;
}

/** The same of a condition in the Common Expression Language. */
export function expressionConditions(text: string, reading: Reading): readonly Condition[] | string {
  if (text === "") return [];
  const compiled = compileExpression(text);
  if (!compiled.ok) return `the condition ${compiled.problems[0].message}`;
  const test: Test = { kind: "expression", text, evaluate: compiled.value };
  return [{ field: "condition", isNegated: false, reading, test }];
}

const NO_CLAIMS = {};

type PositiveField = Exclude<keyof SourceMatch | keyof OperationMatch, `not${string}`>;

function fieldTest(field: PositiveField, patterns: readonly string[]): Test | string {
  switch (field) {
    case "principals":
      return { kind: "principal", matcher: new StringMatcher(patterns) };
    case "namespaces":
      return { kind: "namespace", matcher: new StringMatcher(patterns) };
    case "serviceAccounts":
      return { kind: "serviceAccount", matcher: new StringMatcher(patterns) };
    case "requestPrincipals":
      return { kind: "requestPrincipal", matcher: new RequestPrincipalMatcher(patterns) };
    case "ipBlocks":
      return addressTest("sourceAddress", patterns);
    case "remoteIpBlocks":
      return addressTest("remoteAddress", patterns);
    case "methods":
      return { kind: "method", matcher: new StringMatcher(patterns) };
    case "paths":
      return { kind: "path", matcher: new PathMatcher(patterns) };
    case "ports":
      return { kind: "port", matcher: new PortMatcher(patterns) };
    case "hosts":
      return { kind: "host", matcher: new StringMatcher(patterns.map((pattern) => pattern.toLowerCase())) };
  }
}

function keyTest(key: ConditionKey, patterns: readonly string[]): Test | string {
  switch (key.kind) {
    case "request.headers":
      return { kind: "header", name: key.name, matcher: new StringMatcher(patterns) };
    case "request.auth.claims":
      return { kind: "claim", path: key.path, matcher: new StringMatcher(patterns) };
    case "request.auth.audiences":
      return { kind: "claim", path: ["aud"], matcher: new StringMatcher(patterns) };
    case "request.auth.presenter":
      return { kind: "claim", path: ["azp"], matcher: new StringMatcher(patterns) };
    case "request.auth.principal":
      return { kind: "requestPrincipal", matcher: new RequestPrincipalMatcher(patterns) };
    case "source.ip":
      return addressTest("sourceAddress", patterns);
    case "remote.ip":
      return addressTest("remoteAddress", patterns);
    case "destination.ip":
      return addressTest("destinationAddress", patterns);
    case "source.namespace":
      return { kind: "namespace", matcher: new StringMatcher(patterns) };
    case "source.principal":
      return { kind: "principal", matcher: new StringMatcher(patterns) };
    case "destination.port":
      return { kind: "port", matcher: new PortMatcher(patterns) };
    case "connection.sni":
      return { kind: "serverName", matcher: new StringMatcher(patterns) };
  }
}

function addressTest(
  kind: "sourceAddress" | "remoteAddress" | "destinationAddress",
  patterns: readonly string[],
): Test | string {
  const blocks: AddressBlock[] = [];
  for (const pattern of patterns) {
    const block = parseAddressBlock(pattern);
    if (!block.ok) return block.problems[0].message;
    blocks.push(block.value);
  }
  return { kind, blocks };
}

/** Whether the condition holds, with the path in the given reading; undefined when its attribute is not known, so that nothing can be said. */
export function holds(condition: Condition, request: RequestAttributes, path: string): boolean | undefined {
  const { test, isNegated } = condition;
  switch (test.kind) {
    case "principal":
      return test.matcher.matches(request.principal) !== isNegated;
    case "namespace":
      return test.matcher.matches(request.namespace) !== isNegated;
    case "serviceAccount":
      return test.matcher.matches(request.serviceAccount) !== isNegated;
    case "serverName":
      return request.serverName === undefined ? undefined : test.matcher.matches(request.serverName) !== isNegated;
    case "method":
      return test.matcher.matches(request.method) !== isNegated;
    case "path":
      return test.matcher.matches(path) !== isNegated;
    case "port":
      return test.matcher.matches(request.port) !== isNegated;
    case "host":
      return matchesHost(test.matcher, request.host.toLowerCase()) !== isNegated;
    case "header":
      return (
        matchesHeader(test, request.headers, isNegated ? opposite(condition.reading) : condition.reading) !== isNegated
      );
    case "requestPrincipal":
      return test.matcher.matches(request.claims) !== isNegated;
    case "claim":
      return matchesClaim(test.matcher, request.claims, test.path) !== isNegated;
    case "expression": {
      const { method, host, principal, claims = NO_CLAIMS } = request;
      return test.evaluate({ method, path, host, port: BigInt(request.port), principal, claims });
    }
    case "sourceAddress":
      return isInBlocks(test.blocks, request.sourceAddress, isNegated);
    case "remoteAddress":
      return isInBlocks(test.blocks, remoteAddressOf(request), isNegated);
    case "destinationAddress":
      return isInBlocks(test.blocks, request.destinationAddress, isNegated);
  }
}

/** What does not match by any reading is refused by all of them, and the other way round. */
function opposite(reading: Reading): Reading {
  return reading === "any" ? "all" : "any";
}

function isInBlocks(
  blocks: readonly AddressBlock[],
  address: IpAddress | undefined,
  isNegated: boolean,
): boolean | undefined {
  if (address === undefined) return undefined;
  for (const block of blocks) if (isInBlock(address, block)) return !isNegated;
  return isNegated;
}

/** A pattern may name the host alone or with its port. A trailing dot names the same host (RFC 1034 §3.1). */
function matchesHost(matcher: StringMatcher, host: string): boolean {
  if (matcher.matches(host)) return true;
  const bare = host.replace(/:[0-9]*$/, "").replace(/\.$/, "");
  return bare !== host && matcher.matches(bare);
}

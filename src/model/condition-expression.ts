/** Conditions in the Common Expression Language, checked when they are applied and bounded so that none takes long. */
import { Environment } from "@marcbachmann/cel-js";
import { failure, problem, type Result, success } from "./problem.ts";

const LENGTH_MAX = 1024;
const LIMITS = { maxAstNodes: 128, maxDepth: 16 };

/** What an expression may speak of. */
export interface ConditionVariables {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly host: string;
  readonly port: bigint;
  readonly principal: string;
  /** Of the verified token; empty without one. */
  readonly claims: Readonly<Record<string, unknown>>;
}

const TYPES: Readonly<Record<keyof ConditionVariables, string>> = {
  method: "string",
  path: "string",
  host: "string",
  port: "int",
  principal: "string",
  claims: "map<string, dyn>",
};

const environment = Object.entries(TYPES).reduce(
  (known, [name, type]) => known.registerVariable(name, type),
  new Environment({ unlistedVariablesAreDyn: false, limits: LIMITS }),
);

const LOOP = /\.\s*(?:all|exists|exists_one|map|filter)\s*\(/g;

/** Whether a request meets it; undefined when that cannot be said, such as of a claim that is not there. */
export type CompiledExpression = (variables: ConditionVariables) => boolean | undefined;

export function compileExpression(text: string): Result<CompiledExpression> {
  if (text.length > LENGTH_MAX) return invalid(`is longer than ${LENGTH_MAX} characters`);
  // The library's patterns can be made to run for very long.
  if (/\bmatches\b/.test(text)) return invalid("uses `matches`; compare with `startsWith`, `endsWith` or `contains`");
  // One inside another would take the length of a token's list to the power of their number.
  if ((text.match(LOOP) ?? []).length > 1) return invalid("goes over a list more than once");
  try {
    const { valid, type, error } = environment.check(text);
    if (!valid) return invalid(`is no condition: ${error?.message.split("\n")[0] ?? "it cannot be read"}`);
    if (type !== "bool" && type !== "dyn") return invalid(`comes to ${type}, not to true or false`);
    const evaluate = environment.parse(text);
    return success((variables) => resultOf(() => evaluate(variables)));
  } catch (cause) {
    return invalid(`is no condition: ${cause instanceof Error ? cause.message.split("\n")[0] : "it cannot be read"}`);
  }
}

function resultOf(evaluate: () => unknown): boolean | undefined {
  try {
    const value = evaluate();
    return typeof value === "boolean" ? value : undefined;
  } catch {
    return undefined;
  }
}

function invalid(why: string): Result<never> {
  return failure(problem("HDL_MANIFEST_INVALID", why));
}

import { z } from "zod";
import { type Problem, type ProblemCode, problem } from "#model";
import { nearestName } from "./nearest-name.ts";
import { isWritten, type Path, placeOf, placeOfKey, type Source } from "./source.ts";

/** The schema behind defaults, options and transformations. */
function innermost(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return innermost(schema.unwrap());
  }
  return schema instanceof z.ZodPipe ? innermost(schema.in) : schema;
}

/** The names that an object at this path may have. */
function knownNames(schema: unknown, path: Path): readonly string[] {
  const inner = innermost(schema);
  const [first, ...rest] = path;
  if (inner instanceof z.ZodObject) {
    const shape: Readonly<Record<string, unknown>> = inner.shape;
    return first === undefined ? Object.keys(shape) : knownNames(shape[String(first)], rest);
  }
  return inner instanceof z.ZodArray && first !== undefined ? knownNames(inner.element, rest) : [];
}

function unknownField(
  source: Source,
  key: string,
  { path, names, code }: { path: Path; names: readonly string[]; code: ProblemCode },
): Problem {
  const nearest = nearestName(key, names);
  const hint = nearest === undefined ? `the fields here are ${names.join(", ")}` : `did you mean \`${nearest}\`?`;
  return problem(code, `there is no field \`${key}\` here; ${hint}`, { at: placeOfKey(source, path, key) });
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "`true` or `false`",
  array: "a list",
  object: "a map",
  record: "a map",
};

type Issue = z.core.$ZodIssue;

/** What the value should have been, where the schema's kind of complaint tells it. */
function expected(issue: Issue): string | undefined {
  if (issue.code === "invalid_type") return TYPE_NAMES[issue.expected];
  if (issue.code === "invalid_value") return issue.values.map((value) => `\`${String(value)}\``).join(" or ");
  if (issue.code !== "invalid_union") return undefined;
  const choices = issue.errors.flatMap(([first]) => (first === undefined ? [] : [expected(first)]));
  return choices.includes(undefined) || choices.length === 0 ? undefined : choices.join(" or ");
}

function complaint(source: Source, issue: Issue): string {
  if (!isWritten(source, issue.path)) return "is missing";
  const wanted = expected(issue);
  return wanted === undefined ? issue.message : `must be ${wanted}`;
}

/** What a schema found, as problems with their places; an unknown field is told with the nearest known name. */
export function schemaProblems(
  source: Source,
  error: z.ZodError,
  { schema, code }: { readonly schema: z.ZodType; readonly code: ProblemCode },
): readonly Problem[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== "unrecognized_keys")
      return [problem(code, complaint(source, issue), { at: placeOf(source, issue.path) })];
    const names = knownNames(schema, issue.path);
    return issue.keys.map((key) => unknownField(source, key, { path: issue.path, names, code }));
  });
}

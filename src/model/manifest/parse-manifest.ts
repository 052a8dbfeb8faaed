import { failure, type Kind, type Problem, problem, type Resource, type Result, success } from "#model";
import { KINDS } from "./kinds.ts";
import { nearestName } from "./nearest-name.ts";
import { schemaProblems } from "./schema-problems.ts";
import { placeOf, readSources, type Source, sourceValue, syntaxProblems } from "./source.ts";

/** A resource and where its document begins. */
interface Parsed {
  readonly resource: Resource;
  readonly source: Source;
}

const CODE = "HDL_MANIFEST_INVALID";
const RESOURCES_MAX = 5000;

function isKind(kind: unknown): kind is Kind {
  return typeof kind === "string" && Object.hasOwn(KINDS, kind);
}

function unknownKind(source: Source, kind: unknown): Problem {
  const known = Object.keys(KINDS);
  const nearest = typeof kind === "string" ? nearestName(kind, known) : undefined;
  const hint = nearest === undefined ? `known kinds are ${known.join(", ")}` : `did you mean \`${nearest}\`?`;
  const message =
    kind === undefined ? `the document has no \`kind\`; ${hint}` : `there is no kind \`${String(kind)}\`; ${hint}`;
  return problem("HDL_MANIFEST_KIND", message, { at: placeOf(source, ["kind"]) });
}

function parseOne(source: Source, into: Parsed[]): readonly Problem[] {
  const syntax = syntaxProblems(source, CODE);
  if (syntax.length > 0) return syntax;
  const read = sourceValue(source, CODE);
  if (!read.ok) return read.problems;
  const { value } = read;
  if (value === null || value === undefined) return [];
  const kind = typeof value === "object" && "kind" in value ? value.kind : undefined;
  if (!isKind(kind)) return [unknownKind(source, kind)];
  const schema = KINDS[kind];
  const parsed = schema.safeParse(value, { reportInput: false });
  if (!parsed.success) return schemaProblems(source, parsed.error, { schema, code: CODE });
  into.push({ resource: parsed.data, source });
  return [];
}

function nameOf({ kind, metadata }: Resource): string {
  return metadata.namespace === "" ? `${kind}/${metadata.name}` : `${kind}/${metadata.namespace}/${metadata.name}`;
}

function repeated(parsed: readonly Parsed[]): readonly Problem[] {
  const first = new Map<string, Source>();
  const problems: Problem[] = [];
  for (const { resource, source } of parsed) {
    const name = nameOf(resource);
    const before = first.get(name);
    if (before === undefined) first.set(name, source);
    else {
      const { file, line } = placeOf(before, []);
      const at = placeOf(source, ["metadata", "name"]);
      problems.push(problem("HDL_MANIFEST_REPEATED", `${name} was already given at ${file}:${line}`, { at }));
    }
  }
  return problems;
}

/** Reads the resources of files. All that is wrong with any of them is told at once, each with file, line and column. */
export function parseManifests(
  files: readonly { readonly file: string; readonly text: string }[],
): Result<readonly Resource[]> {
  const parsed: Parsed[] = [];
  const problems: Problem[] = [];
  for (const { file, text } of files) {
    for (const source of readSources(text, file)) problems.push(...parseOne(source, parsed));
  }
  problems.push(...repeated(parsed));
  if (parsed.length > RESOURCES_MAX) problems.push(problem(CODE, `there are more than ${RESOURCES_MAX} resources`));
  const [first, ...rest] = problems;
  return first === undefined ? success(parsed.map(({ resource }) => resource)) : failure(first, ...rest);
}

/** The documents of files as plain values, of whatever kind; empty ones are left out. Fails where one is no YAML. */
export function readValues(
  files: readonly { readonly file: string; readonly text: string }[],
): Result<readonly unknown[]> {
  const values: unknown[] = [];
  for (const source of files.flatMap(({ file, text }) => readSources(text, file))) {
    const [first, ...more] = syntaxProblems(source, CODE);
    if (first !== undefined) return failure(first, ...more);
    const read = sourceValue(source, CODE);
    if (!read.ok) return read;
    if (read.value !== null) values.push(read.value);
  }
  return success(values);
}

import { type Document, isMap, isNode, isScalar, LineCounter, parseAllDocuments, parseDocument } from "yaml";
import { failure, type Place, type Problem, type ProblemCode, problem, type Result, success } from "#model";

/** One YAML document with the positions of all that is in it. */
export interface Source {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

export type Path = readonly PropertyKey[];

/** A file of a few kilobytes must not become gigabytes by its aliases. */
const ALIASES_MAX = 100;

function sourcesOf(file: string, documents: readonly Document[], lines: LineCounter): readonly Source[] {
  return documents.map((document) => ({ file, document, lines }));
}

/** The documents of a file. JSON is YAML. */
export function readSources(text: string, file: string): readonly Source[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines });
  // An empty stream is given back as a document with a marker.
  return sourcesOf(file, Array.isArray(documents) ? documents : [], lines);
}

/** A file that holds one document. */
export function readSource(text: string, file: string): Source {
  const lines = new LineCounter();
  return { file, document: parseDocument(text, { lineCounter: lines }), lines };
}

/** What is wrong with the text as YAML. */
export function syntaxProblems({ file, document, lines }: Source, code: ProblemCode): readonly Problem[] {
  return document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    const message = error.message.split(" at line ")[0] ?? error.message;
    return problem(code, message, { at: { file, line, column: col } });
  });
}

/** The document's plain value. Fails when its aliases would blow it up. */
export function sourceValue(source: Source, code: ProblemCode): Result<unknown> {
  try {
    return success(source.document.toJS({ maxAliasCount: ALIASES_MAX }));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return failure(problem(code, message, { at: placeOf(source, []) }));
  }
}

export function fieldName(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

/** The path with its keys as they are written: a name in digits may be a number in YAML. */
function writtenPath({ document }: Source, path: Path): Path {
  const written: PropertyKey[] = [];
  for (const part of path) {
    const isNamed = document.hasIn([...written, part]);
    const number = Number(String(part));
    written.push(!isNamed && document.hasIn([...written, number]) ? number : part);
  }
  return written;
}

/** Whether the field is written at all. */
export function isWritten(source: Source, path: Path): boolean {
  return path.length === 0 || source.document.hasIn(writtenPath(source, path));
}

/** Where the field's value is, or the nearest thing around it that exists. */
export function placeOf(source: Source, path: Path): Place {
  const { file, document, lines } = source;
  const written = writtenPath(source, path);
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(written.slice(0, length), true);
    if (!isNode(node) || !node.range) continue;
    const { line, col } = lines.linePos(node.range[0]);
    return { file, line, column: col, field: fieldName(path) };
  }
  return { file, line: 1, column: 1, field: fieldName(path) };
}

/** Where the name of a field stands. */
export function placeOfKey(source: Source, path: Path, key: string): Place {
  const map = path.length === 0 ? source.document.contents : source.document.getIn(path, true);
  const pair = isMap(map) ? map.items.find(({ key: each }) => isScalar(each) && each.value === key) : undefined;
  const place = placeOf(source, [...path, key]);
  if (!isScalar(pair?.key) || !pair.key.range) return place;
  const { line, col } = source.lines.linePos(pair.key.range[0]);
  return { ...place, line, column: col };
}

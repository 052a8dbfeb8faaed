/** Values of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Of a map of texts; what is none is kept as it is written, for the schema to complain of. */
export function wordsOf(value: unknown): Fields {
  return fieldsOf(value) ?? {};
}

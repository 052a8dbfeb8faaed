export interface Column {
  readonly title: string;
  readonly align?: "right";
}

/** Plain aligned columns, two spaces apart, no lines. Cells must be uncoloured. */
export function columns(heads: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, index) =>
    Math.max(head.title.length, ...rows.map((row) => (row[index] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    heads
      .map((head, index) => pad(cells[index] ?? "", widths[index] ?? 0, head.align))
      .join("  ")
      .trimEnd();
  return [line(heads.map((head) => head.title)), ...rows.map(line)];
}

function pad(text: string, width: number, align: "right" | undefined): string {
  return align === "right" ? text.padStart(width) : text.padEnd(width);
}

export function ms(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

export function percent(rate: number): string {
  const hundredths = rate * 100;
  return `${hundredths > 0 && hundredths < 99.95 && hundredths % 1 !== 0 ? hundredths.toFixed(1) : Math.round(hundredths)} %`;
}

/** What the names of a list have in common up to a slash is left out when all have it. */
export function withoutNamespace(names: readonly string[]): (name: string) => string {
  const namespaces = new Set(
    names.filter((name) => name.includes("/")).map((name) => name.slice(0, name.indexOf("/"))),
  );
  const [only] = namespaces;
  return (name) => (namespaces.size === 1 ? name.replaceAll(`${only}/`, "") : name);
}

/** Local time of day. */
export function clockTime(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}

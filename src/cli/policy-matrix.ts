/** `heddle policy matrix`: who may call whom. */
import type { Command } from "commander";
import type { MatrixCellView, MatrixView } from "#api";
import { type Palette, palette, standardOutput } from "#engine/terminal";
import type { CommandContext } from "./context.ts";
import { columns, withoutNamespace } from "./observe/columns.ts";
import { ask } from "./resources.ts";

export function registerMatrix(command: Command, context: CommandContext): void {
  command
    .command("matrix")
    .description("show who may call whom, and by which policy")
    .option("-n, --namespace <name>", "only services of this namespace")
    .action(async ({ namespace }: { readonly namespace?: string }) => {
      const query = new URLSearchParams(namespace === undefined ? {} : { namespace });
      const view = await ask<MatrixView>(context, { path: `/api/v1/policy/matrix?${query}` });
      if (view === undefined) return;
      context.show(view, () => drawMatrix(view, palette(standardOutput().isColoured)));
    });
}

const MARKS = { allow: "✓", conditional: "◐", deny: "·", mixed: "≠", unknown: "?" } as const;
const LEGEND =
  "✓ may call   ◐ with conditions, below   · may not   ≠ differs by replica, below   ? no replica is ready";
/** Wider tables are told as lists alone. */
const WIDTH_MAX = 120;

/** For people: callers down, services across, and what stands behind each mark that is not plain. */
export function drawMatrix(view: MatrixView, colours: Palette): string {
  const { callers, services, cells } = view;
  if (services.length === 0) return "no service is known there\n";
  const short = withoutNamespace([...callers, ...services.map(({ name }) => name)]);
  const byPair = Map.groupBy(cells, ({ caller, service }) => `${caller} ${service}`);
  const rows = callers.map((caller) => [
    caller === "-" ? "(no certificate)" : short(caller),
    ...services.map(({ name }) => markOf(byPair.get(`${caller} ${name}`) ?? [])),
  ]);
  const heads = ["CALLER", ...services.map(({ name }) => short(name))].map((title) => ({ title }));
  const table = columns(heads, rows);
  const isWide = table.some((line) => line.length > WIDTH_MAX);
  const painted = table.map((line, index) => (index === 0 ? colours.bold(line) : paint(line, colours)));
  const details = services.flatMap(({ name }) => serviceLines(name, cells, { short, isWide }));
  return `${[...(isWide ? [] : [...painted, "", LEGEND]), ...details].join("\n").trimStart()}\n`;
}

function paint(line: string, colours: Palette): string {
  return line.replaceAll("✓", colours.green("✓")).replaceAll(/[◐≠]/g, (mark) => colours.yellow(mark));
}

function markOf(cells: readonly MatrixCellView[]): string {
  const [first] = cells;
  if (first === undefined) return MARKS.unknown;
  return cells.length > 1 ? MARKS.mixed : MARKS[first.verdict];
}

interface ListStyle {
  readonly short: (name: string) => string;
  /** Everything is told; else only what a mark leaves open. */
  readonly isWide: boolean;
}

function serviceLines(
  service: string,
  cells: readonly MatrixCellView[],
  { short, isWide }: ListStyle,
): readonly string[] {
  const own = cells.filter((each) => each.service === service);
  const told = own.filter(
    (each) => isWide || each.verdict !== "deny" || isMixed(each, own) || each.observed !== undefined,
  );
  const name = (caller: string): string => (caller === "-" ? "(no certificate)" : short(caller));
  const width = Math.max(0, ...told.map(({ caller }) => name(caller).length));
  const lines = told.flatMap((cell) => {
    const at = isMixed(cell, own) ? ` at ${cell.instances.join(", ")}` : "";
    const observed = cell.observed === undefined ? "" : ` (${cell.observed} if what is observed were enforced)`;
    const head = `  ${MARKS[cell.verdict]} ${name(cell.caller).padEnd(width)}${at}  ${cell.labels.join(", ")}${observed}`;
    return [head, ...conditionLines(cell)];
  });
  return lines.length === 0 ? [] : ["", `${short(service)}`, ...lines];
}

function isMixed({ caller, instances }: MatrixCellView, own: readonly MatrixCellView[]): boolean {
  return own.some((each) => each.caller === caller && each.instances !== instances);
}

function conditionLines({ only, except }: MatrixCellView): readonly string[] {
  const allowed = only.flatMap((tier, index) =>
    tier.map((each, place) => `      ${place > 0 ? "or  " : index > 0 ? "and " : "only"} ${conditionText(each)}`),
  );
  return [...allowed, ...except.map((each) => `      not  ${conditionText(each)}`)];
}

/** Words of policies, shortened to what people say. */
const WORDS: Readonly<Record<string, string>> = {
  "request.method": "",
  "request.path": "",
  "request.host": "host ",
  "source.ip": "from ",
  "remote.ip": "forwarded from ",
  "request.auth.principal": "token of ",
};

function conditionText({ terms, expression }: MatrixCellView["except"][number]): string {
  const parts = terms.map(({ attribute, isNegated, patterns }) => {
    const words = WORDS[attribute] ?? `${attribute} `;
    return `${words}${isNegated ? "not " : ""}${patterns.join(", ")}`;
  });
  return [...parts, ...(expression === "" ? [] : [expression])].join("; ");
}

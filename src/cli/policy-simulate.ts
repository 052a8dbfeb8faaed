/** `heddle policy simulate`: what a change would do to requests that were seen. */
import type { Command } from "commander";
import type { FlipView, SimulationView } from "#api";
import { type Palette, palette, standardOutput } from "#engine/terminal";
import { failure, problem, type Result, success } from "#model";
import { readResources } from "./apply.ts";
import type { CommandContext } from "./context.ts";
import { SINCE } from "./guard.ts";
import { columns, withoutNamespace } from "./observe/columns.ts";
import { ask } from "./resources.ts";

interface SimulateOptions {
  readonly filename?: readonly string[];
  readonly delete?: readonly string[];
  readonly namespace: string;
  readonly since: string;
  readonly limit: string;
}

export function registerSimulate(command: Command, context: CommandContext): void {
  command
    .command("simulate")
    .description("replay requests that were seen through a change, and list those that would flip")
    .option("-f, --filename <path...>", "files or folders as if they were applied; - is standard input")
    .option("--delete <kind/name...>", "as if it were deleted")
    .option("-n, --namespace <name>", "of what is deleted", "default")
    .addOption(SINCE)
    .option("--limit <number>", "of kinds of request that are listed", "500")
    .action((options: SimulateOptions) => simulate(options, context));
}

async function simulate(options: SimulateOptions, context: CommandContext): Promise<void> {
  const { filename, namespace, since, limit } = options;
  const files = filename === undefined ? success([]) : await readResources(filename);
  if (!files.ok) return context.fail(files);
  const deletes = deletesOf(options.delete ?? [], namespace);
  if (!deletes.ok) return context.fail(deletes);
  if (files.value.length + deletes.value.length === 0)
    return context.fail(failure(problem("HDL_CLI_ARGUMENT", "say what changes: -f FILE, or --delete KIND/NAME")));
  const body = { files: files.value, deletes: deletes.value, since, limit: Number(limit) };
  const view = await ask<SimulationView>(context, { method: "POST", path: "/api/v1/policy/simulate", body });
  if (view !== undefined) context.show(view, () => drawSimulation(view, palette(standardOutput().isColoured)));
}

interface Deleted {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

function deletesOf(named: readonly string[], namespace: string): Result<readonly Deleted[]> {
  const deletes: Deleted[] = [];
  for (const each of named) {
    const [kind = "", name = "", ...more] = each.split("/");
    if (kind === "" || name === "" || more.length > 0)
      return failure(problem("HDL_CLI_ARGUMENT", `--delete takes KIND/NAME, not ${each}`));
    deletes.push({ kind, namespace, name });
  }
  return success(deletes);
}

/** For people: what would be denied first, then what would be allowed, then what cannot be known. */
export function drawSimulation(view: SimulationView, colours: Palette): string {
  const { flips, undecided, more, notes } = view;
  const [denied, allowed] = [flips.filter(({ to }) => to === "deny"), flips.filter(({ to }) => to === "allow")];
  const isQuiet = flips.length + undecided.length + more.flips + more.undecided + more.hidden === 0;
  const parts = [
    `${view.requests} requests of ${view.replayed} kinds replayed`,
    ...(isQuiet ? [`${colours.green("✓")} nothing would flip`] : []),
    ...section(colours.red(`✗ ${view.newlyDenied} would be denied`), denied, ({ by }) => by),
    ...section(colours.yellow(`! ${view.newlyAllowed} would be allowed`), allowed, ({ by }) => by),
    ...section(
      colours.yellow(`? ${view.undecidedRequests} may flip: that depends on what was not recorded`),
      undecided,
      ({ missing }) => missing.join(", "),
    ),
    ...moreLines(more),
    ...notes.map((note) => `? ${note}`),
  ];
  return `${parts.join("\n")}\n`;
}

type Told = Omit<FlipView, "to" | "by" | "rule" | "basis">;

function section<T extends Told>(title: string, rows: readonly T[], reason: (row: T) => string): readonly string[] {
  if (rows.length === 0) return [];
  const short = withoutNamespace(rows.flatMap(({ source, destination }) => [source, destination]));
  const heads = ["CALLER", "DESTINATION", "REQUEST", "COUNT", "LAST SEEN", "OWNERS", "BY"];
  const table = columns(
    heads.map((title) => (title === "COUNT" ? { title, align: "right" } : { title })),
    rows.map((row) => [
      short(row.source === "external" ? row.address || "external" : row.source),
      short(row.destination),
      [row.method, row.path].filter((each) => each !== "").join(" ") || row.protocol,
      String(row.count),
      new Date(row.lastSeenMs).toISOString().slice(0, 19).replace("T", " "),
      ownersOf(row),
      reason(row),
    ]),
  );
  return ["", title, ...table.map((line) => `  ${line}`)];
}

function ownersOf({ sourceOwner, destinationOwner }: Told): string {
  const owners = [...new Set([sourceOwner, destinationOwner])].filter((each) => each !== "");
  return owners.length === 0 ? "–" : owners.join(", ");
}

function moreLines({ flips, undecided, hidden }: SimulationView["more"]): readonly string[] {
  return [
    ...(flips + undecided > 0 ? [`and ${flips + undecided} kinds more: raise --limit`] : []),
    ...(hidden > 0 ? [`and ${hidden} kinds in namespaces that you may not view`] : []),
  ];
}

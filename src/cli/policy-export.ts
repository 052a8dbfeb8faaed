/** `heddle policy export` and `heddle policy import`: the same policies in other systems. */
import { type Command, Option } from "commander";
import { stringify } from "yaml";
import { type ExportView, exportQuerySchema } from "#api";
import { setExitStatus } from "#engine/processes";
import { type Palette, palette, standardError } from "#engine/terminal";
import { parseManifests, readValues, writeManifests } from "#model/manifest";
import { type ImportNote, importObjects } from "#policy/import";
import { readResources } from "./apply.ts";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";

interface ExportOptions {
  readonly to: string;
  readonly namespace?: string;
}

export function registerExport(command: Command, context: CommandContext): void {
  command
    .command("export")
    .description("write the policies for another system, and say what it cannot hold")
    .addOption(
      new Option("--to <system>", "the other system").choices(exportQuerySchema.shape.to.options).makeOptionMandatory(),
    )
    .option("-n, --namespace <name>", "only services of this namespace")
    .addHelpText("after", "\nWhat is written goes to standard output, what cannot be to standard error.")
    .action(async ({ to, namespace }: ExportOptions) => {
      const query = new URLSearchParams({ to, ...(namespace === undefined ? {} : { namespace }) });
      const view = await ask<ExportView>(context, { path: `/api/v1/policy/export?${query}` });
      if (view === undefined) return;
      context.show(view, () => view.text + view.documents.map((each) => stringify(each)).join("---\n"));
      if (context.format() === "table") tell(drawExport(view, errorPalette()));
    });
}

export function registerImport(command: Command, context: CommandContext): void {
  command
    .command("import")
    .description("read Istio's AuthorizationPolicy and Kubernetes' NetworkPolicy as clusters give them out")
    .argument("<file...>", "files or folders; - is standard input")
    .addHelpText("after", "\nThe exit status is 1 when something that restricts has no form here.")
    .action(async (paths: readonly string[]) => {
      const files = await readResources(paths);
      if (!files.ok) return context.fail(files);
      const values = readValues(files.value);
      if (!values.ok) return context.fail(values);
      const { objects, notes } = importObjects(values.value);
      const resources = parseManifests(objects.map((each) => ({ file: nameOf(each), text: JSON.stringify(each) })));
      if (!resources.ok) return context.fail(resources);
      context.show({ objects, notes }, () => writeManifests(resources.value));
      if (context.format() === "table") tell(drawImport(notes, errorPalette()));
      if (notes.some(({ effect }) => effect === "lost")) setExitStatus(1);
    });
}

/** For people: what is not there as it is here, policy by policy. */
export function drawExport({ workloads, notes }: ExportView, colours: Palette): string {
  const lines = notes.map(({ workload, policy, rule, effect, message }) => {
    const place = rule < 0 ? policy : `${policy}, rule ${rule + 1}`;
    return `${markOf(effect, colours)} ${workload === "-" ? "" : `${workload}: `}${place} ${message}`;
  });
  const differing = notes.filter(({ effect }) => effect !== "same").length;
  const sum =
    differing === 0 ? "everything is there as it is here" : `${differing} not there as here, none weaker where written`;
  return `${[...lines, `${workloads.length} services written; ${sum}`].join("\n")}\n`;
}

function drawImport(notes: readonly ImportNote[], colours: Palette): string {
  return notes.map(({ object, effect, message }) => `${markOf(effect, colours)} ${object} ${message}\n`).join("");
}

function markOf(effect: ExportView["notes"][number]["effect"] | ImportNote["effect"], colours: Palette): string {
  if (effect === "same") return colours.dim("·");
  return effect === "denies-more" ? colours.yellow("!") : colours.red("✗");
}

function nameOf(object: object): string {
  const { kind, metadata } = object as { readonly kind: string; readonly metadata: { readonly name: string } };
  return `${kind} ${metadata.name}`;
}

function errorPalette(): Palette {
  return palette(standardError().isColoured);
}

function tell(text: string): void {
  standardError().write(text);
}

/** `heddle get`: resources as a table, YAML or JSON. */
import type { Command } from "commander";
import { stringify } from "yaml";
import type { ResourcesView } from "#api";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";

interface GetCommandOptions {
  readonly namespace?: string;
}

function pathOf(kind: string | undefined, name: string | undefined, namespace: string | undefined): string {
  if (kind !== undefined && name !== undefined) {
    const query = new URLSearchParams({ namespace: namespace ?? "default" });
    return `/api/v1/resources/${encodeURIComponent(kind)}/${encodeURIComponent(name)}?${query}`;
  }
  const query = new URLSearchParams({
    ...(kind === undefined ? {} : { kind }),
    ...(namespace === undefined ? {} : { namespace }),
  });
  return `/api/v1/resources?${query}`;
}

interface RouteParent {
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

/** `ok`, or the reasons for which a route is not as its author wants it; nothing for kinds without a status. */
function statusOf({ status }: ResourcesView["resources"][number]): string {
  const { parents = [] } = (status ?? {}) as { readonly parents?: readonly RouteParent[] };
  const bad = parents.flatMap(({ conditions }) => conditions.filter((each) => each.status !== "True"));
  if (parents.length === 0) return "";
  return bad.length === 0 ? "ok" : [...new Set(bad.map(({ type, reason }) => `not ${type}: ${reason}`))].join(", ");
}

function table(resources: ResourcesView["resources"]): string {
  const rows = resources.map((each) => {
    const {
      name,
      namespace = "",
      resourceVersion = "",
      creationTimestamp = "",
    } = each["metadata"] as Record<string, string>;
    return [String(each["kind"]), namespace, name ?? "", resourceVersion, creationTimestamp, statusOf(each)];
  });
  const all = [["KIND", "NAMESPACE", "NAME", "REVISION", "CREATED", "STATUS"], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function register(command: Command, context: CommandContext): void {
  command
    .argument("[kind]", "such as services or AuthorizationPolicy; all kinds when left out")
    .argument("[name]")
    .option("-n, --namespace <name>", "only of this namespace")
    .action(async (kind: string | undefined, name: string | undefined, { namespace }: GetCommandOptions) => {
      const answer = await ask<ResourcesView>(context, { path: pathOf(kind, name, namespace) });
      if (answer === undefined) return;
      const { resources } = answer;
      if (context.format() === "json")
        context.print(`${JSON.stringify(name === undefined ? resources : resources[0], undefined, 2)}\n`);
      else if (context.format() === "yaml") context.print(resources.map((each) => stringify(each)).join("---\n"));
      else context.print(`${table(resources)}\n`);
    });
}

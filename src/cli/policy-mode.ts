/** `heddle policy observe` and `heddle policy enforce`: a policy that only records, and one that holds. */
import type { Command } from "commander";
import type { AppliedView, ResourcesView } from "#api";
import { DRY_RUN_ANNOTATION, failure, problem, type Result, success } from "#model";
import type { CommandContext } from "./context.ts";
import { GUARD_OPTIONS, type GuardOptions, guardOf } from "./guard.ts";
import { ask, printApplied } from "./resources.ts";

type Mode = "observe" | "enforce";
type Manifest = ResourcesView["resources"][number];

interface ModeOptions extends GuardOptions {
  readonly namespace: string;
}

const DESCRIPTIONS: Readonly<Record<Mode, string>> = {
  observe: "let a policy decide and record, but change no verdict",
  enforce: "let a policy hold that only observed",
};

export function registerModes(command: Command, context: CommandContext): void {
  for (const mode of ["observe", "enforce"] as const) {
    const one = command
      .command(mode)
      .description(DESCRIPTIONS[mode])
      .argument("<name>", "of an AuthorizationPolicy or AccessPolicy, or kind/name where both have one of that name")
      .option("-n, --namespace <name>", "its namespace", "default")
      .action((name: string, options: ModeOptions) => setMode(mode, name, { options, context }));
    for (const option of GUARD_OPTIONS) one.addOption(option);
  }
}

interface Asked {
  readonly options: ModeOptions;
  readonly context: CommandContext;
}

async function setMode(mode: Mode, name: string, { options, context }: Asked): Promise<void> {
  const query = new URLSearchParams({ namespace: options.namespace });
  const held = await ask<ResourcesView>(context, { path: `/api/v1/resources?${query}` });
  if (held === undefined) return;
  const policy = policyOf(held.resources, name, options.namespace);
  const changed = policy.ok ? inMode(policy.value, mode) : policy;
  if (!changed.ok) return context.fail(changed);
  const files = [{ file: name, text: JSON.stringify(changed.value) }];
  const body = { files, dryRun: false, guard: guardOf(options) };
  const applied = await ask<AppliedView>(context, { method: "POST", path: "/api/v1/apply", body });
  if (applied !== undefined) printApplied(applied, context);
}

const KINDS: ReadonlySet<unknown> = new Set(["AuthorizationPolicy", "AccessPolicy"]);

function policyOf(resources: readonly Manifest[], named: string, namespace: string): Result<Manifest> {
  const [first = "", second] = named.split("/");
  const found = resources.filter((each) => {
    const { metadata } = each as { readonly metadata?: { readonly name?: string; readonly namespace?: string } };
    const isKind = second === undefined || String(each["kind"]).toLowerCase() === first.toLowerCase();
    const isName = metadata?.name === (second ?? first) && metadata.namespace === namespace;
    return KINDS.has(each["kind"]) && isKind && isName;
  });
  const [only] = found;
  if (only !== undefined && found.length === 1) return success(only);
  const what =
    found.length === 0
      ? `there is no AuthorizationPolicy or AccessPolicy ${named} in namespace ${namespace}`
      : `both kinds have a ${named}; write AuthorizationPolicy/${named} or AccessPolicy/${named}`;
  return failure(problem("HDL_CLI_ARGUMENT", what));
}

/** The policy as it is in the other mode: by Istio's annotation, or with all rules of an AccessPolicy. */
export function inMode(policy: Manifest, mode: Mode): Result<Manifest> {
  const { metadata, spec } = policy as {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly rules?: readonly object[] };
  };
  if (policy["kind"] === "AuthorizationPolicy") {
    const { [DRY_RUN_ANNOTATION]: _, ...others } = metadata.annotations ?? {};
    const annotations = mode === "observe" ? { ...others, [DRY_RUN_ANNOTATION]: "true" } : others;
    return success({ ...policy, metadata: { ...metadata, annotations } });
  }
  const { rules = [] } = spec;
  if (rules.length === 0)
    return failure(problem("HDL_CLI_ARGUMENT", "an AccessPolicy without rules has nothing to observe"));
  const said = mode === "observe" ? "Observe" : "Enforce";
  return success({ ...policy, spec: { ...spec, rules: rules.map((rule) => ({ ...rule, mode: said })) } });
}

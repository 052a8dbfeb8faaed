/** Explanations for people: the verdict first, then the way to it. */
import type { ExplanationView, FlowExplanationView, OutcomeView } from "#api";
import type { Palette } from "#engine/terminal";
import { clockTime } from "./observe/columns.ts";

export function drawExplanation({ principal, destination, outcomes }: ExplanationView, colours: Palette): string {
  const caller = principal === "" ? "a caller without a certificate" : principal;
  return `${[`${caller} → ${destination}`, ...outcomesLines(outcomes, colours)].join("\n")}\n`;
}

const TODAY: Readonly<Record<FlowExplanationView["today"], string>> = {
  same: "the same, by the same rule",
  "same-by-other-rule": "the same, by another rule",
  differs: "otherwise",
  unknown: "cannot be said from what is kept of a flow",
};

/** What was decided then, and below it what today's policies make of the same request. */
export function drawFlowExplanation(view: FlowExplanationView, colours: Palette): string {
  const { flow, today, notes, explanation } = view;
  const { verdict, policy, rule, endReason } = flow;
  const isDenied = verdict === "deny";
  const mark = isDenied ? colours.red("✗ denied") : colours.green("✓ allowed");
  const decided = verdict === "none" ? `– ${endReason}` : `${mark}  ${policy}${ruleText(rule)}`;
  const way = `${flow.principal || flow.sourceInstance || "a caller without a certificate"} → ${flow.destination} (${flow.destinationInstance})`;
  const request = flow.method === "" ? "" : `  ${flow.method} ${flow.path}`;
  return `${[
    `flow ${colours.bold(flow.id)}  ${clockTime(flow.atMs)}  ${way}${request}`,
    `${decided}${isDenied && endReason !== "policy-denied" ? `  (${endReason})` : ""}`,
    `today's policies decide: ${today === "differs" ? colours.yellow(TODAY[today]) : TODAY[today]}`,
    ...notes.map((each) => `  ${each}`),
    ...outcomesLines(explanation.outcomes, colours),
  ].join("\n")}\n`;
}

function outcomesLines(outcomes: readonly OutcomeView[], colours: Palette): readonly string[] {
  return outcomes.flatMap((outcome) => [
    ...(outcomes.length > 1 ? [`at ${outcome.instances.join(", ")}${callersText(outcome)}:`] : []),
    ...outcomeLines(outcome, colours),
  ]);
}

function callersText({ callers }: OutcomeView): string {
  return callers === undefined ? "" : ` from ${callers.join(", ")}`;
}

function outcomeLines(outcome: OutcomeView, colours: Palette): readonly string[] {
  const { observed, considered, notes } = outcome;
  return [
    ...verdictLines(outcome, colours),
    ...unknownLines(outcome),
    ...missLines(outcome),
    ...(observed === undefined
      ? []
      : [`  would be: ${observed.verdict} if observed policies were enforced (${observed.label})`]),
    ...notes.map((each) => `  note: ${each}`),
    considered.length === 0 ? "  no policy is in force there" : "  looked at, in this order:",
    ...considered.map(consideredLine),
  ];
}

type Decided = NonNullable<OutcomeView["either"]>[number];

function verdictLines(outcome: OutcomeView, colours: Palette): readonly string[] {
  const { verdict, dependsOn, either = [] } = outcome;
  if (verdict !== "depends") return decidedLines({ ...outcome, verdict }, colours, "");
  return [
    `${colours.yellow("? depends")}  on ${dependsOn.join(", ")}`,
    ...either.flatMap((each) => decidedLines(each, colours, "  ")),
  ];
}

function decidedLines(
  { verdict, label, rule, external }: Decided,
  colours: Palette,
  indent: string,
): readonly string[] {
  const mark = verdict === "allow" ? colours.green("✓ allowed") : colours.red("✗ denied");
  const line = `${indent}${mark}  ${label}${ruleText(rule)}`;
  if (external === undefined) return [line];
  const asked = `${external.label}${ruleText(external.rule)},`;
  return [line, `${indent}  once ${external.provider} has let it pass, which ${asked} asks first`];
}

function unknownLines({ verdict, unknown }: OutcomeView): readonly string[] {
  if (unknown.length === 0) return [];
  const matter = verdict === "depends" ? "" : ", which makes no difference";
  return [`  not known: ${unknown.join(", ")}${matter}`];
}

function missLines({ nearestMiss }: OutcomeView): readonly string[] {
  if (nearestMiss === undefined) return [];
  const { label, rule, failed, unknown } = nearestMiss;
  const missing = failed.length > 0 ? `all but ${failed.join(", ")}` : `if ${unknown.join(", ")} is right`;
  return [`  nearest: ${label}${ruleText(rule)}: ${missing}`];
}

function consideredLine({ label, action, mode, rule, open }: OutcomeView["considered"][number]): string {
  const met = rule < 0 ? "no rule met" : `rule ${rule + 1} met`;
  const may = open === undefined ? "" : `rule ${open.rule + 1} depends on ${open.unknown.join(", ")}`;
  const told = may === "" ? met : rule < 0 ? may : `${may}; ${met}`;
  return `    ${action.padEnd(6)} ${label}${mode === "observe" ? " (observed)" : ""}  ${told}`;
}

function ruleText(rule: number): string {
  return rule < 0 ? "" : `, rule ${rule + 1}`;
}

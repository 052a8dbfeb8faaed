/** Suggested policies, for people and as files to be applied. */
import { Document, isNode } from "yaml";
import type { SuggestionsView, SuggestionView } from "#api";
import type { Palette } from "#engine/terminal";
import type { AccessSubject, AuthorizationOperation } from "#model";

type RuleView = SuggestionView["rules"][number];

/** A rule of a manifest, in which what says nothing is absent. */
interface WrittenRule {
  readonly subjects: readonly Partial<AccessSubject>[];
  readonly operations?: readonly Partial<AuthorizationOperation>[];
}

const WHY: Readonly<Record<SuggestionView["leftOut"][number]["why"], string>> = {
  "no-identity": "the caller proved no identity",
  "denied-since": "it was denied later",
  "ambiguous-path": "the path can be read in several ways",
  "not-told-apart": "a rule could not tell it from what was denied to the same caller",
};

/** YAML with what was seen seldom, and what is left out, in comments. */
export function writeSuggestions({ suggestions, unseen, ...view }: SuggestionsView): string {
  const documents = suggestions.flatMap((suggestion) =>
    suggestion.policies.map((policy, index) => {
      const document = new Document(policy);
      document.commentBefore = comment([
        `Derived of ${counted(suggestion.proof.passed, "request")} to ${suggestion.service}, seen from ${day(view.fromMs)} on.`,
        ...(index === 0 ? notesOf(suggestion) : []),
      ]);
      for (const rule of suggestion.rules.filter((each) => each.policy === index)) {
        const node = document.getIn(["spec", "rules", rule.rule], true);
        if (isNode(node)) node.commentBefore = comment([remarkOf(rule)]);
      }
      return document.toString();
    }),
  );
  const missing = unseen.map((service) => `# ${service}: nothing was recorded, and nothing is suggested.\n`);
  return documents.join("---\n") + missing.join("");
}

function comment(lines: readonly string[]): string {
  return lines.map((line) => ` ${line}`).join("\n");
}

function remarkOf({ requests, callers, lastSeenMs, rare, open }: RuleView): string {
  const seen = `${counted(requests, "request")} of ${counted(callers.length, "caller")}, last on ${day(lastSeenMs)}`;
  return `${rare ? "RARE: " : ""}${seen}${open ? "; any request, since no method and no path is known" : ""}`;
}

function notesOf({ leftOut, alsoAllowing, proof }: SuggestionView): readonly string[] {
  return [
    ...leftOut.map((each) => `Left out: ${leftOutText(each)}.`),
    ...(proof.unclear === 0 ? [] : [unclearText(proof.unclear)]),
    ...(alsoAllowing.length === 0 ? [] : [`It holds alone once these are deleted: ${alsoAllowing.join(", ")}.`]),
  ];
}

function leftOutText({ why, caller, method, path, requests }: SuggestionView["leftOut"][number]): string {
  const asked = method === "" ? "" : ` ${method} ${path}`;
  return `${caller === "" ? "a caller without identity" : caller}${asked}, ${counted(requests, "request")}: ${WHY[why]}`;
}

function unclearText(count: number): string {
  return `What would become of ${counted(count, "denied request")} is not known: too little was recorded.`;
}

/** For people: who may ask for what, and how sure that is. */
export function drawSuggestions(
  { suggestions, unseen, unrecorded, ...view }: SuggestionsView,
  colours: Palette,
): string {
  const recordedFrom = view.recordedFromMs ?? view.fromMs;
  return `${[
    ...suggestions.flatMap((each) => [...suggestionLines(each, colours), ""]),
    ...unseen.map((service) => `${colours.yellow("!")} ${service}: nothing was recorded, and nothing is suggested`),
    ...(recordedFrom > view.fromMs + 60_000
      ? [`decisions are recorded since ${new Date(recordedFrom).toISOString()}`]
      : []),
    ...(unrecorded === 0
      ? []
      : [`${counted(unrecorded, "decision")} in the mesh found no room, and may be missing here`]),
    "with -o yaml it is written to be applied",
  ].join("\n")}\n`;
}

function suggestionLines(suggestion: SuggestionView, colours: Palette): readonly string[] {
  const { service, rules, policies, leftOut, alsoAllowing, proof } = suggestion;
  const told = rules.flatMap((rule) => {
    const written = rulesOf(policies[rule.policy])[rule.rule];
    const mark = rule.rare ? colours.yellow("! rare:") : colours.green("✓");
    return [
      `  ${mark} ${(written?.subjects ?? []).map(subjectText).join(", or ")}  (${remarkOf({ ...rule, rare: false })})`,
      ...(written?.operations ?? []).map((each) => `      ${operationText(each)}`),
    ];
  });
  const judged = `lets pass the ${counted(proof.passed, "request")} that it was derived of, denies the ${proof.refused} others that were recorded`;
  return [
    colours.bold(service),
    ...(rules.length === 0 ? [`  ${colours.red("✗")} there is nothing to grant`] : told),
    ...leftOut.map((each) => `  ${colours.dim("· left out:")} ${leftOutText(each)}`),
    ...(rules.length === 0 ? [] : [`  ${judged}`]),
    ...(proof.unclear === 0 ? [] : [`  ${unclearText(proof.unclear)}`]),
    ...(alsoAllowing.length === 0 ? [] : [`  others that allow there, too: ${alsoAllowing.join(", ")}`]),
  ];
}

function rulesOf(policy: Record<string, unknown> | undefined): readonly WrittenRule[] {
  return (policy as { readonly spec?: { readonly rules?: readonly WrittenRule[] } } | undefined)?.spec?.rules ?? [];
}

function subjectText(subject: Partial<AccessSubject>): string {
  const { identities = [], namespaces = [], namespaceLabels = {}, accountLabels = {} } = subject;
  const labelText = (labels: Readonly<Record<string, string>>): string =>
    Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(", ");
  return [
    ...identities,
    ...(namespaces.length === 0 ? [] : [`namespace ${namespaces.join(", ")}`]),
    ...(Object.keys(namespaceLabels).length === 0 ? [] : [`namespaces with ${labelText(namespaceLabels)}`]),
    ...(Object.keys(accountLabels).length === 0 ? [] : [`accounts with ${labelText(accountLabels)}`]),
  ].join(", ");
}

function operationText({ methods = [], paths = [], notPaths = [] }: Partial<AuthorizationOperation>): string {
  return `${methods.join(", ")}  ${paths.join(", ")}${notPaths.length === 0 ? "" : `  not ${notPaths.join(", ")}`}`;
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

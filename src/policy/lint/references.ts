/** Names in policies that stand for nothing the mesh knows, and labels that nothing bears. */
import { type AccessPolicy, hasLabels } from "#model";
import { nearestName } from "#model/manifest";
import type { Rule } from "#policy";
import type { AnyPolicy, LintFacts } from "./facts.ts";
import { quoted, type Remark } from "./finding.ts";

/** The names that stand for something. */
export interface KnownNames {
  readonly namespaces: ReadonlySet<string>;
  /** `namespace/account`. */
  readonly accounts: ReadonlySet<string>;
  /** `namespace/service`. */
  readonly services: ReadonlySet<string>;
}

export function knownNames({ namespaces, accounts, workloads, services, rootNamespace }: LintFacts): KnownNames {
  const objects = [...accounts.map(({ metadata }) => metadata), ...workloads, ...services];
  return {
    namespaces: new Set([
      rootNamespace,
      ...namespaces.map(({ metadata }) => metadata.name),
      ...objects.map(({ namespace }) => namespace),
    ]),
    accounts: new Set([
      ...accounts.map(({ metadata: { namespace, name } }) => `${namespace}/${name}`),
      ...workloads.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`),
    ]),
    services: new Set(services.map(({ namespace, name }) => `${namespace}/${name}`)),
  };
}

/** Of the policy as a whole: where it stands. */
export function placeRemarks({ metadata }: AnyPolicy, { namespaces }: KnownNames): readonly Remark[] {
  if (namespaces.has(metadata.namespace)) return [];
  return [
    unknown(-1, { what: "namespace", name: metadata.namespace, known: namespaces, of: "in which the policy is" }),
  ];
}

/** Of one rule, lowered: whom it names. */
export function nameRemarks(rule: Rule, names: KnownNames, facts: LintFacts): readonly Remark[] {
  const when = (key: string): readonly string[] =>
    rule.when.filter((each) => each.key === key).flatMap(({ values, notValues }) => [...values, ...notValues]);
  const from = rule.from;
  const principals = [
    ...from.flatMap((each) => [...each.principals, ...each.notPrincipals]),
    ...when("source.principal"),
  ];
  const spaces = [...from.flatMap((each) => [...each.namespaces, ...each.notNamespaces]), ...when("source.namespace")];
  const accounts = from.flatMap((each) => [...each.serviceAccounts, ...each.notServiceAccounts]);
  const hosts = rule.to.flatMap((each) => [...each.hosts, ...each.notHosts]);
  const { index } = rule;
  return [
    ...principals.filter(isExact).flatMap((each) => principalRemark(index, each, { names, facts })),
    ...spaces.filter((each) => isExact(each)).flatMap((each) => namespaceRemark(index, each, names)),
    ...accounts.flatMap((each) => accountRemark(index, each, names)),
    ...hosts.filter(isExact).flatMap((each) => hostRemark(index, each, names)),
  ];
}

/** Subjects of an AccessPolicy whose labels nobody bears: what is lowered has lost them. */
export function subjectRemarks({ spec }: AccessPolicy, facts: LintFacts): readonly Remark[] {
  return spec.rules.flatMap(({ subjects }, rule) =>
    subjects.flatMap(({ namespaceLabels, accountLabels }) => [
      ...unborne(rule, "Namespace", { wanted: namespaceLabels, by: facts.namespaces }),
      ...unborne(rule, "ServiceAccount", { wanted: accountLabels, by: facts.accounts }),
    ]),
  );
}

function unborne(
  rule: number,
  kind: string,
  { wanted, by }: { readonly wanted: Readonly<Record<string, string>>; readonly by: LintFacts["namespaces"] },
): readonly Remark[] {
  const labels = by.map(({ metadata }) => metadata.labels);
  if (labels.some((each) => hasLabels(each, wanted))) return [];
  const message = `No ${kind} has the labels ${labelText(wanted)}, so that the subject is nobody.`;
  return [{ code: "selects-nothing", ...labelFix(wanted, labels), rule, message }];
}

/** What to do about labels that nothing has, and how sure it is that they were mistyped. */
export function labelFix(
  wanted: Readonly<Record<string, string>>,
  borne: readonly Readonly<Record<string, string>>[],
): Pick<Remark, "severity" | "fix"> {
  for (const [label, value] of Object.entries(wanted)) {
    const values = borne.flatMap((each) => (each[label] === undefined ? [] : [each[label]]));
    if (values.includes(value)) continue;
    const near = nearestName(value, values);
    if (near !== undefined) return { severity: "error", fix: `Did you mean ${quoted(`${label}: ${near}`)}?` };
    const key = values.length > 0 ? undefined : nearestName(label, borne.flatMap(Object.keys));
    if (key !== undefined) return { severity: "error", fix: `Did you mean the label ${quoted(key)}?` };
  }
  return { severity: "warning", fix: "Correct the labels, or delete what is not needed any more." };
}

export function labelText(labels: Readonly<Record<string, string>>): string {
  return quoted(
    Object.entries(labels)
      .map(([label, value]) => `${label}: ${value}`)
      .join(", "),
  );
}

function principalRemark(
  rule: number,
  principal: string,
  { names, facts }: { readonly names: KnownNames; readonly facts: LintFacts },
): readonly Remark[] {
  const [, trustDomain = "", namespace = "", account = ""] =
    /^([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal) ?? [];
  if (trustDomain === "") return [];
  // What another trust domain has is not known here, but which of them may call is.
  if (facts.federated.includes(trustDomain)) return [];
  const known = [facts.trustDomain, ...facts.federated];
  if (trustDomain !== facts.trustDomain)
    return [unknown(rule, { what: "trust domain", name: trustDomain, known, of: `in ${quoted(principal)}` })];
  return accountRemark(rule, `${namespace}/${account}`, names);
}

function namespaceRemark(rule: number, name: string, { namespaces }: KnownNames): readonly Remark[] {
  return namespaces.has(name) ? [] : [unknown(rule, { what: "namespace", name, known: namespaces })];
}

function accountRemark(rule: number, account: string, names: KnownNames): readonly Remark[] {
  if (names.accounts.has(account)) return [];
  const [namespace = "", name = ""] = account.split("/");
  const isKnown = names.namespaces.has(namespace);
  if (!isKnown) return namespaceRemark(rule, namespace, names);
  const siblings = within(namespace, names.accounts);
  return [unknown(rule, { what: "service account", name, known: siblings, of: `in namespace ${quoted(namespace)}` })];
}

/** A host is the name of a service when it is one of a namespace that is known. */
function hostRemark(rule: number, host: string, names: KnownNames): readonly Remark[] {
  const [, name = "", namespace = ""] =
    /^([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.[a-z0-9.-]+)?)?(?::\d+)?$/.exec(host) ?? [];
  if (!names.namespaces.has(namespace) || names.services.has(`${namespace}/${name}`)) return [];
  const known = within(namespace, names.services);
  return [unknown(rule, { what: "service", name, known, of: `in namespace ${quoted(namespace)}` })];
}

function within(namespace: string, names: Iterable<string>): readonly string[] {
  return [...names].filter((each) => each.startsWith(`${namespace}/`)).map((each) => each.slice(namespace.length + 1));
}

interface UnknownName {
  readonly what: string;
  readonly name: string;
  readonly known: Iterable<string>;
  readonly of?: string;
}

function unknown(rule: number, { what, name, known, of }: UnknownName): Remark {
  const near = nearestName(name, known);
  const where = of === undefined ? "" : ` ${of}`;
  const message = `There is no ${what} ${quoted(name)}${where}.`;
  const fix =
    near === undefined
      ? `Correct the name, or delete what is not needed any more; one that only comes later is no harm.`
      : `Did you mean ${quoted(near)}?`;
  return { code: "unknown-reference", severity: near === undefined ? "warning" : "error", rule, message, fix };
}

function isExact(pattern: string): boolean {
  return !pattern.startsWith("*") && !pattern.endsWith("*");
}

/**
 * Envoy's RBAC filters (`envoy.extensions.filters.http.rbac.v3`, `envoy.extensions.filters.network.rbac.v3`): for each workload those of its
 * inbound listener, one that denies before one that allows. The ones for HTTP decide requests, the others connections of other bytes.
 */
import { isHttpAttribute, isTemplate, type Term } from "#policy";
import type { ExportedWorkload, ExportFacts, ExportNote, Written } from "./export.ts";
import { keptPlan } from "./kept.ts";
import { type Plan, type PlannedClause, planOf } from "./plan.ts";
import { AMBIGUOUS_PATH, escaped, templateRegex, textRegex } from "./regex.ts";

type Action = "ALLOW" | "DENY";

export function envoyExport(workload: ExportedWorkload, facts: ExportFacts): Written {
  const label = `${workload.namespace}/${workload.name}`;
  const plan = keptPlan(planOf(workload, facts), label, cannotHold);
  const looksAtPaths = [...plan.deny, ...(plan.allow ?? [])].some(({ terms }) =>
    terms.some(({ attribute }) => attribute === "request.path"),
  );
  const http = filtersOf(plan, looksAtPaths ? { [AMBIGUOUS_NAME]: AMBIGUOUS_POLICY } : {}, "http");
  const network = filtersOf(withoutHttp(plan), {}, "network");
  if (http.length + network.length === 0) return { documents: [], text: "", notes: plan.notes };
  const notes = looksAtPaths ? [...plan.notes, ambiguityNote(label)] : plan.notes;
  return { documents: [{ workload: label, http_filters: http, network_filters: network }], text: "", notes };
}

const AMBIGUOUS_NAME = "paths that can be read in several ways";
const AMBIGUOUS_POLICY = {
  permissions: [{ url_path: { path: { safe_regex: { regex: AMBIGUOUS_PATH } } } }],
  principals: [{ any: true }],
};

function ambiguityNote(workload: string): ExportNote {
  const message =
    "that can be read in several ways (encoded, with `;`, `//` or dots) are denied: Envoy judges one reading only";
  return { workload, policy: "paths", rule: -1, effect: "denies-more", message };
}

/** Without HTTP a rule that denies counts what is missing as met, and one that allows is not met. */
function withoutHttp({ deny, allow, notes }: Plan): Plan {
  const isOfHttp = ({ attribute }: Term): boolean => isHttpAttribute(attribute);
  return {
    deny: deny.map((each) => ({ ...each, terms: each.terms.filter((term) => !isOfHttp(term)) })),
    allow: allow?.filter(({ terms }) => !terms.some(isOfHttp)),
    notes,
  };
}

function filtersOf({ deny, allow }: Plan, moreDenied: object, layer: "http" | "network"): readonly object[] {
  const denied = { ...policiesOf(deny, "DENY"), ...moreDenied };
  return [
    ...(Object.keys(denied).length === 0 ? [] : [filterOf("DENY", denied, layer)]),
    ...(allow === undefined ? [] : [filterOf("ALLOW", policiesOf(allow, "ALLOW"), layer)]),
  ];
}

function filterOf(action: Action, policies: object, layer: "http" | "network"): object {
  return {
    name: `envoy.filters.${layer}.rbac`,
    typed_config: {
      "@type": `type.googleapis.com/envoy.extensions.filters.${layer}.rbac.v3.RBAC`,
      rules: { action, policies },
      ...(layer === "network" ? { stat_prefix: "heddle" } : {}),
    },
  };
}

function policiesOf(clauses: readonly PlannedClause[], action: Action): Readonly<Record<string, object>> {
  const named = clauses.map(({ policy, rule, terms }, index) => {
    const [sources, others] = [true, false].map((isSource) => terms.filter((each) => isPrincipal(each) === isSource));
    const policyOf = {
      permissions: [
        allOf(
          (others ?? []).map((each) => permissionOf(each, action)),
          "and_rules",
          "rules",
        ),
      ],
      principals: [allOf((sources ?? []).map(principalOf), "and_ids", "ids")],
    };
    return [`${index + 1}: ${policy}, rule ${rule + 1}`, policyOf] as const;
  });
  return Object.fromEntries(named);
}

function isPrincipal({ attribute }: Term): boolean {
  return attribute.startsWith("source.");
}

function allOf(matches: readonly object[], name: string, list: string): object {
  return matches.length === 0 ? { any: true } : { [name]: { [list]: matches } };
}

function cannotHold({ attribute }: Term): string | undefined {
  if (attribute === "remote.ip") return "whom Envoy takes for the client depends on the proxies that it trusts";
  return attribute.startsWith("request.auth.") ? "Envoy's RBAC sees no tokens" : undefined;
}

function principalOf({ attribute, isNegated, patterns }: Term): object {
  const ids = patterns.map((pattern) => {
    if (attribute === "source.ip") return { direct_remote_ip: blockOf(pattern) };
    return { authenticated: { principal_name: identityMatch(attribute, pattern) } };
  });
  const any = { or_ids: { ids } };
  return isNegated ? { not_id: any } : any;
}

const SCHEME = "spiffe://";

function identityMatch(attribute: Term["attribute"], pattern: string): object {
  if (attribute === "source.principal") {
    if (pattern === "*") return { prefix: SCHEME };
    if (pattern.endsWith("*")) return { prefix: SCHEME + pattern.slice(0, -1) };
    return pattern.startsWith("*") ? { suffix: pattern.slice(1) } : { exact: SCHEME + pattern };
  }
  const workload =
    attribute === "source.namespace"
      ? `ns/${textRegex(pattern, "[^/]*")}/sa/[^/]+`
      : `ns/${escaped(pattern).replace("/", "/sa/")}`;
  return { safe_regex: { regex: `${SCHEME}[^/]+/${workload}` } };
}

function blockOf(pattern: string): { readonly address_prefix: string; readonly prefix_len: number } {
  const [address = "", length] = pattern.split("/");
  return { address_prefix: address, prefix_len: Number(length ?? (address.includes(":") ? 128 : 32)) };
}

function permissionOf(term: Term, action: Action): object {
  const { attribute, isNegated, patterns } = term;
  const any = { or_rules: { rules: patterns.flatMap((pattern) => ruleOf(attribute, pattern)) } };
  const met = attribute.startsWith("request.headers[") ? ofRepeated(any, term, action) : any;
  return isNegated ? { not_rule: met } : met;
}

/**
 * A header that was sent twice is one text with a comma to Envoy, and several here, of which all must match to allow and any to deny. So one
 * with a comma is never allowed by, and always denied by.
 */
function ofRepeated(any: object, { attribute, isNegated }: Term, action: Action): object {
  const comma = { header: { name: headerName(attribute), string_match: { contains: "," } } };
  const isWidened = (action === "DENY") !== isNegated;
  return isWidened ? { or_rules: { rules: [any, comma] } } : { and_rules: { rules: [any, { not_rule: comma }] } };
}

function headerName(attribute: Term["attribute"]): string {
  return attribute.slice("request.headers[".length, -1);
}

function ruleOf(attribute: Term["attribute"], pattern: string): readonly object[] {
  if (attribute === "destination.port") return [portRule(pattern)];
  if (attribute === "destination.ip") return [{ destination_ip: blockOf(pattern) }];
  if (attribute === "request.path") {
    const match = isTemplate(pattern) ? { safe_regex: { regex: `(?s)${templateRegex(pattern)}` } } : textMatch(pattern);
    return [{ url_path: { path: match } }];
  }
  if (attribute === "request.host") return [{ header: { name: ":authority", string_match: hostMatch(pattern) } }];
  const name = attribute === "request.method" ? ":method" : headerName(attribute);
  if (pattern === "*") return [{ header: { name, present_match: true } }];
  return [{ header: { name, string_match: textMatch(pattern) } }];
}

/** The end of a range is the first port that is no more of it. */
function portRule(pattern: string): object {
  const [start = 0, end] = pattern.split("-").map(Number);
  return end === undefined ? { destination_port: start } : { destination_port_range: { start, end: end + 1 } };
}

function textMatch(pattern: string): object {
  if (pattern === "*") return { safe_regex: { regex: "(?s).+" } };
  if (pattern.endsWith("*")) return { prefix: pattern.slice(0, -1) };
  return pattern.startsWith("*") ? { suffix: pattern.slice(1) } : { exact: pattern };
}

/** With a port and without, and with the dot that ends a whole name; in capitals or not. */
function hostMatch(pattern: string): object {
  return { safe_regex: { regex: `(?is)${textRegex(pattern)}(?:\\.?(?::[0-9]*)?)` } };
}

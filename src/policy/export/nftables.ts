/**
 * A table of nftables: a chain for each workload, through which every connection to its port must go. What a chain lets through returns, so
 * that where two workloads share a port both must let it through.
 */
import type { Term } from "#policy";
import { ALL_V4, distinctBlocks, familiesOf, portRanges } from "./addresses.ts";
import type { ExportedWorkload, ExportFacts, Written } from "./export.ts";
import { keptPlan } from "./kept.ts";
import { type PlannedClause, planOf } from "./plan.ts";

export function nftablesExport(workload: ExportedWorkload, facts: ExportFacts): Written {
  const { namespace, name, port } = workload;
  const label = `${namespace}/${name}`;
  const plan = keptPlan(planOf(workload, facts), label, cannotHold);
  if (plan.deny.length === 0 && plan.allow === undefined) return { documents: [], text: "", notes: plan.notes };
  const chain = `to-${namespace}-${name}`;
  const lines = [
    ...plan.deny.flatMap((each) => rulesOf(each, "drop")),
    ...(plan.allow ?? []).flatMap((each) => rulesOf(each, "return")),
    ...(plan.allow === undefined ? [] : ["drop"]),
  ];
  const text = [
    "table inet heddle {",
    `  chain ${chain} {`,
    ...lines.map((line) => `    ${line}`),
    "  }",
    "  chain input {",
    "    type filter hook input priority filter; policy accept;",
    `    ${port === 0 ? "meta l4proto tcp" : `tcp dport ${port}`} jump ${chain}`,
    "  }",
    "}",
    "",
  ].join("\n");
  return { documents: [], text, notes: plan.notes };
}

function cannotHold({ attribute, patterns }: Term): string | undefined {
  if (attribute === "destination.port") return undefined;
  if (attribute !== "source.ip" && attribute !== "destination.ip")
    return "nftables knows addresses and ports, and neither identities nor requests";
  const odd = patterns.find((each) => familiesOf(each) === undefined);
  return odd === undefined ? undefined : `${odd} is IPv4 in the form of IPv6, which packets do not have`;
}

/** One rule, or one for each family of addresses. */
function rulesOf(clause: PlannedClause, verdict: "drop" | "return"): readonly string[] {
  const addresses = clause.terms.filter(({ attribute }) => attribute !== "destination.port");
  const ports = clause.terms.filter(({ attribute }) => attribute === "destination.port").map(portMatch);
  const told = ` comment "${clause.policy.slice(0, 96)}#${clause.rule + 1}"`;
  if (addresses.length === 0) return [[...ports, `${verdict}${told}`].join(" ")];
  return (["ip", "ip6"] as const).flatMap((family) => {
    const matches = addresses.map((term) => addressMatch(term, family));
    if (matches.includes("never")) return [];
    const nfproto = `meta nfproto ${family === "ip" ? "ipv4" : "ipv6"}`;
    return [[nfproto, ...matches.filter((each) => each !== ""), ...ports, `${verdict}${told}`].join(" ")];
  });
}

/** "" where every address of the family matches. */
function addressMatch({ attribute, isNegated, patterns }: Term, family: "ip" | "ip6"): string {
  const key = family === "ip" ? "v4" : "v6";
  const blocks = distinctBlocks(patterns.flatMap((each) => familiesOf(each)?.[key] ?? []));
  if (blocks.length === 0) return isNegated ? "" : "never";
  // A set cannot hold a block of no length.
  if (blocks.includes(family === "ip" ? ALL_V4 : "::/0")) return isNegated ? "never" : "";
  const field = attribute === "source.ip" ? "saddr" : "daddr";
  return `${family} ${field} ${isNegated ? "!= " : ""}{ ${blocks.join(", ")} }`;
}

function portMatch({ isNegated, patterns }: Term): string {
  const ranges = portRanges(patterns).map(([first, last]) => (first === last ? String(first) : `${first}-${last}`));
  return `tcp dport ${isNegated ? "!= " : ""}{ ${ranges.join(", ")} }`;
}

/** The part of nftables' language that exports use, read and evaluated for a new connection over TCP. Anything else is an error. */
import { type IpAddress, isInBlock, parseAddressBlock } from "#model";

export interface Packet {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly port: number;
}

type Chains = ReadonlyMap<string, readonly string[]>;

/** Through the base chain, whose policy is to accept, as it is where nothing is written. */
export function decideAsNftables(script: string, packet: Packet): "allow" | "deny" {
  if (script === "") return "allow";
  const chains = chainsOf(script);
  return runChain("input", chains, packet) === "drop" ? "deny" : "allow";
}

function chainsOf(script: string): Chains {
  const chains = new Map<string, string[]>();
  for (const [, name = "", body = ""] of script.matchAll(/^ {2}chain (\S+) \{\n([\s\S]*?)^ {2}\}$/gm)) {
    const rules = body.split("\n").map((line) => line.trim());
    const kept = rules.filter((line) => line !== "" && line !== BASE);
    chains.set(name, [...(chains.get(name) ?? []), ...kept]);
  }
  return chains;
}

const BASE = "type filter hook input priority filter; policy accept;";

function runChain(name: string, chains: Chains, packet: Packet): "drop" | "through" {
  const rules = chains.get(name);
  if (rules === undefined) throw new Error(`no chain ${name}`);
  for (const rule of rules) {
    const verdict = runRule(rule, packet);
    if (verdict === "drop") return "drop";
    if (verdict === "return") return "through";
    if (verdict.startsWith("jump ") && runChain(verdict.slice(5), chains, packet) === "drop") return "drop";
  }
  return "through";
}

/** The verdict of a rule that the packet meets, or "". */
function runRule(rule: string, packet: Packet): string {
  let rest = rule.replace(/ comment "[^"]*"$/, "");
  while (rest !== "") {
    const verdict = /^(?:drop|return|jump \S+)$/.exec(rest)?.[0];
    if (verdict !== undefined) return verdict;
    const match = /^(meta nfproto|meta l4proto|ip6? [sd]addr|tcp dport) (!= )?(\{ [^}]+ \}|\S+) /.exec(rest);
    if (match === null) throw new Error(`cannot be read: ${rest}`);
    const [whole, field = "", not, values = ""] = match;
    if (meets(field, values.replaceAll(/[{} ]/g, "").split(","), packet) === (not !== undefined)) return "";
    rest = rest.slice(whole.length);
  }
  throw new Error(`no verdict: ${rule}`);
}

function meets(field: string, values: readonly string[], { source, destination, port }: Packet): boolean {
  switch (field) {
    case "meta nfproto":
      return values[0] === (source.text.includes(":") ? "ipv6" : "ipv4");
    case "meta l4proto":
      return values[0] === "tcp";
    case "tcp dport":
      return values.some((each) => {
        const [first, last = first] = each.split("-").map(Number);
        return first !== undefined && last !== undefined && first <= port && port <= last;
      });
    default:
      return values.some((each) => inBlock(each, field.endsWith("saddr") ? source : destination));
  }
}

function inBlock(text: string, address: IpAddress): boolean {
  const block = parseAddressBlock(text);
  if (!block.ok) throw new Error(`no block: ${text}`);
  return isInBlock(address, block.value);
}

/**
 * Envoy's RBAC filters as its documentation describes them (`config.rbac.v3.RBAC`), evaluated over a request as Envoy would see it: the
 * path without its query, a header that was sent twice joined by commas.
 */
import { type IpAddress, isInBlock, parseAddressBlock } from "#model";
import type { RequestAttributes } from "#policy";

type Node = Readonly<Record<string, unknown>>;

export interface RbacFilter {
  readonly typed_config: {
    readonly rules: { readonly action: string; readonly policies: Readonly<Record<string, RbacPolicy>> };
  };
}

interface RbacPolicy {
  readonly permissions: readonly Node[];
  readonly principals: readonly Node[];
}

/** A filter denies what its DENY policies match, and what no ALLOW policy matches; all filters of the chain are asked. */
export function decideAsEnvoy(filters: readonly RbacFilter[], request: RequestAttributes): "allow" | "deny" {
  const passes = filters.every(({ typed_config: { rules } }) => {
    const isMatched = Object.values(rules.policies).some(
      ({ permissions, principals }) =>
        permissions.some((each) => meets(each, request)) && principals.some((each) => meets(each, request)),
    );
    return isMatched === (rules.action === "ALLOW");
  });
  return passes ? "allow" : "deny";
}

function meets(node: Node, request: RequestAttributes): boolean {
  const [[name, value] = ["", undefined], ...more] = Object.entries(node);
  if (more.length > 0) throw new Error(`one of several was expected in ${JSON.stringify(node)}`);
  const list = (key: string): readonly Node[] => (value as Readonly<Record<string, readonly Node[]>>)[key] ?? [];
  switch (name) {
    case "any":
      return true;
    case "and_rules":
      return list("rules").every((each) => meets(each, request));
    case "or_rules":
      return list("rules").some((each) => meets(each, request));
    case "and_ids":
      return list("ids").every((each) => meets(each, request));
    case "or_ids":
      return list("ids").some((each) => meets(each, request));
    case "not_rule":
    case "not_id":
      return !meets(value as Node, request);
    default:
      return meetsLeaf(name, value as Node, request);
  }
}

function meetsLeaf(name: string, value: Node, request: RequestAttributes): boolean {
  switch (name) {
    case "authenticated":
      return request.principal !== "" && text(value["principal_name"] as Node, `spiffe://${request.principal}`);
    case "direct_remote_ip":
      return inBlock(value, request.sourceAddress);
    case "destination_ip":
      return inBlock(value, request.destinationAddress);
    case "destination_port":
      return request.port === (value as unknown as number);
    case "destination_port_range":
      return request.port >= Number(value["start"]) && request.port < Number(value["end"]);
    case "url_path":
      return text(value["path"] as Node, request.path);
    case "header":
      return header(value, request);
    default:
      throw new Error(`Envoy knows no ${name}`);
  }
}

function header({ name, ...match }: Node, request: RequestAttributes): boolean {
  const value = headerValue(String(name), request);
  if (value === undefined) return false;
  return match["present_match"] === true || text(match["string_match"] as Node, value);
}

function headerValue(name: string, { method, host, headers }: RequestAttributes): string | undefined {
  if (name === ":method") return method;
  if (name === ":authority") return host;
  const values = headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
  return values.length === 0 ? undefined : values.join(",");
}

function text(match: Node, value: string): boolean {
  const [[kind, wanted] = ["", undefined]] = Object.entries(match);
  switch (kind) {
    case "exact":
      return value === wanted;
    case "prefix":
      return value.startsWith(String(wanted));
    case "suffix":
      return value.endsWith(String(wanted));
    case "contains":
      return value.includes(String(wanted));
    case "safe_regex":
      return re2(String((wanted as Node)["regex"])).test(value);
    default:
      throw new Error(`Envoy knows no match by ${kind}`);
  }
}

/** RE2 matches whole texts here, and has its flags at the beginning. */
function re2(pattern: string): RegExp {
  const [, flags = "", rest = ""] = /^(?:\(\?([is]+)\))?([\s\S]*)$/.exec(pattern) ?? [];
  return new RegExp(`^(?:${rest})$`, flags);
}

/** An address of IPv4 is in no block of IPv6. */
function inBlock(value: Node, address: IpAddress | undefined): boolean {
  const prefix = String(value["address_prefix"]);
  const block = parseAddressBlock(`${prefix}/${value["prefix_len"]}`);
  if (!block.ok) throw new Error(`no block: ${JSON.stringify(value)}`);
  return (
    address !== undefined && address.text.includes(":") === prefix.includes(":") && isInBlock(address, block.value)
  );
}

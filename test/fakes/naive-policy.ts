/**
 * The meaning of rule sets in the most literal words, without tables: what the compiled evaluator is compared with. It shares no code
 * with it, only the form that is evaluated; so it reads paths, addresses and patterns by itself.
 */
import { evaluate } from "@marcbachmann/cel-js";
import type { RequestAttributes, Rule, RuleSet } from "#policy";

export interface NaiveDecision {
  readonly verdict: "allow" | "deny";
  /** Undefined when no policy observes. */
  readonly observed: "allow" | "deny" | undefined;
  readonly audits: readonly string[];
  /** Of the first CUSTOM policy that concerns the request. */
  readonly provider: string | undefined;
}

export function decideNaively(ruleSets: readonly RuleSet[], request: RequestAttributes): NaiveDecision {
  const enforced = ruleSets.filter(({ mode }) => mode === "enforce");
  const isObserving = ruleSets.some(({ mode, action }) => mode === "observe" && /ALLOW|DENY/.test(action));
  const custom = enforced.find((each) => each.action === "CUSTOM" && meets(each, request));
  const audits = ruleSets.filter((each) => each.action === "AUDIT" && meets(each, request));
  return {
    verdict: verdictOf(enforced, request),
    observed: isObserving ? verdictOf(ruleSets, request) : undefined,
    audits: audits.map(({ ref }) => `${ref.kind}/${ref.namespace}/${ref.name}`),
    provider: custom?.action === "CUSTOM" ? custom.provider : undefined,
  };
}

function verdictOf(ruleSets: readonly RuleSet[], request: RequestAttributes): "allow" | "deny" {
  const tiers = new Set(ruleSets.map(({ tier }) => tier));
  const isRefused = [...tiers].some(
    (tier) =>
      !isLetThrough(
        ruleSets.filter((each) => each.tier === tier),
        request,
      ),
  );
  return isRefused ? "deny" : "allow";
}

function isLetThrough(tier: readonly RuleSet[], request: RequestAttributes): boolean {
  const some = (action: string, isFallback: boolean): boolean =>
    tier.some((each) => each.action === action && each.isFallback === isFallback && meets(each, request));
  if (some("DENY", false)) return false;
  if (some("ALLOW", false)) return true;
  if (some("DENY", true)) return false;
  return some("ALLOW", true) || !tier.some(({ action }) => action === "ALLOW");
}

/** Whether one of its rules matches. */
function meets({ action, rules }: RuleSet, request: RequestAttributes): boolean {
  const isAllowing = action === "ALLOW";
  return rules.some((rule) => {
    if (rule.unenforceable !== "") return !isAllowing;
    return combinations(rule).some((tests) => {
      const paths = readingsOf(request.path);
      const inReading = (path: string): boolean =>
        tests.every((test) => passes(test, { ...request, path }, isAllowing)) &&
        agrees(rule.expression, { ...request, path }, isAllowing);
      return isAllowing ? paths.every(inReading) : paths.some(inReading);
    });
  });
}

/** An expression is the library's to evaluate; what it cannot say is the worse for the request. */
function agrees(expression: string, request: RequestAttributes, isAllowing: boolean): boolean {
  if (expression === "") return true;
  if (request.protocol === "tcp") return !isAllowing;
  try {
    const value: unknown = evaluate(expression, {
      ...request,
      port: BigInt(request.port),
      claims: request.claims ?? {},
    });
    return typeof value === "boolean" ? value : !isAllowing;
  } catch {
    return !isAllowing;
  }
}

/** A list of patterns for one attribute, and whether it must or must not match. */
interface Test {
  readonly attribute: string;
  readonly patterns: readonly string[];
  readonly isNegated: boolean;
}

function combinations({ from, to, when }: Rule): readonly (readonly Test[])[] {
  const conditions = when.flatMap(({ key, values, notValues }) => [
    { attribute: key, patterns: values, isNegated: false },
    { attribute: key, patterns: notValues, isNegated: true },
  ]);
  const sources: readonly object[] = from.length === 0 ? [{}] : from;
  const operations: readonly object[] = to.length === 0 ? [{}] : to;
  return sources.flatMap((source) =>
    operations.map((operation) =>
      [...testsOf(source), ...testsOf(operation), ...conditions].filter(({ patterns }) => patterns.length > 0),
    ),
  );
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  principals: "source.principal",
  requestPrincipals: "request.auth.principal",
  namespaces: "source.namespace",
  serviceAccounts: "serviceAccount",
  ipBlocks: "source.ip",
  remoteIpBlocks: "remote.ip",
  methods: "method",
  paths: "path",
  ports: "destination.port",
  hosts: "host",
};

function testsOf(lists: object): readonly Test[] {
  return Object.entries(lists as Record<string, readonly string[]>).map(([field, patterns]) => {
    const name = /^not([A-Z])(.*)$/.exec(field);
    const positive = name === null ? field : `${name[1]?.toLowerCase()}${name[2]}`;
    return { attribute: ATTRIBUTES[positive] ?? positive, patterns, isNegated: name !== null };
  });
}

const OF_HTTP = /^(?:method|path|host|request\..*)$/;

function passes(test: Test, request: RequestAttributes, isAllowing: boolean): boolean {
  if (request.protocol === "tcp" && OF_HTTP.test(test.attribute)) return !isAllowing;
  const answers = answersOf(test, request).map((matched) => matched !== test.isNegated);
  // What is not known is the worse for the request.
  if (answers.length === 0) return !isAllowing;
  return isAllowing ? !answers.includes(false) : answers.includes(true);
}

/** Whether one of the patterns matches, for each way in which the attribute can be read; none when it is not known. */
function answersOf({ attribute, patterns }: Test, request: RequestAttributes): readonly boolean[] {
  const any = (match: (pattern: string) => boolean): readonly boolean[] => [patterns.some(match)];
  const text = (value: string | undefined): readonly boolean[] =>
    value === undefined ? [] : any((pattern) => likeText(pattern, value));
  switch (attribute) {
    case "source.principal":
      return text(request.principal);
    case "source.namespace":
      return text(request.namespace);
    case "serviceAccount":
      return text(request.serviceAccount);
    case "connection.sni":
      return text(request.serverName);
    case "method":
      return text(request.method);
    case "destination.port":
      return any((pattern) => {
        const [first, last = first] = pattern.split("-");
        return Number(first) <= request.port && request.port <= Number(last);
      });
    case "path":
      return any((pattern) => likePath(pattern, request.path));
    case "host":
      return any((pattern) => hostsOf(request.host).some((host) => likeText(pattern.toLowerCase(), host)));
    case "source.ip":
      return address(patterns, request.sourceAddress?.text);
    case "destination.ip":
      return address(patterns, request.destinationAddress?.text);
    case "remote.ip":
      return address(patterns, forwardedBy(request) ?? request.sourceAddress?.text);
    case "request.auth.principal":
      return any((pattern) => likePrincipal(pattern, request.claims ?? {}));
    case "request.auth.audiences":
      return any((pattern) => textsAt(request, ["aud"]).some((value) => likeText(pattern, value)));
    case "request.auth.presenter":
      return any((pattern) => textsAt(request, ["azp"]).some((value) => likeText(pattern, value)));
    default:
      return bracketed(attribute, patterns, request);
  }
}

function bracketed(attribute: string, patterns: readonly string[], request: RequestAttributes): readonly boolean[] {
  const names = [...attribute.matchAll(/\[([^\]]+)\]/g)].map(([, name]) => name ?? "");
  if (attribute.startsWith("request.auth.claims"))
    return [patterns.some((pattern) => textsAt(request, names).some((value) => likeText(pattern, value)))];
  const sent = valuesOf(request, (names[0] ?? "").toLowerCase());
  const readings = sent.length > 1 ? [...sent, sent.join(",")] : sent;
  if (readings.length === 0) return [false];
  return readings.map((value) => patterns.some((pattern) => pattern === "*" || likeText(pattern, value)));
}

function valuesOf({ headers }: RequestAttributes, name: string): readonly string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
}

function forwardedBy(request: RequestAttributes): string | undefined {
  return valuesOf(request, "x-forwarded-for").at(-1)?.split(",").at(-1)?.trim();
}

function textsAt({ claims }: RequestAttributes, names: readonly string[]): readonly string[] {
  let value: unknown = claims;
  for (const name of names) {
    const fields = typeof value === "object" && value !== null ? new Map(Object.entries(value)) : new Map();
    value = fields.get(name);
  }
  if (Array.isArray(value)) return value.filter((each): each is string => typeof each === "string");
  if (typeof value !== "string") return [];
  return names.join() === "scope" || names.join() === "permission" ? value.split(" ") : [value];
}

function likeText(pattern: string, value: string): boolean {
  if (pattern === "*") return value.length > 0;
  if (pattern.at(-1) === "*") return value.slice(0, pattern.length - 1) === pattern.slice(0, -1);
  if (pattern.at(0) === "*")
    return value.length >= pattern.length - 1 && value.slice(1 - pattern.length) === pattern.slice(1);
  return pattern === value;
}

function likePath(pattern: string, path: string): boolean {
  if (!pattern.includes("{")) return likeText(pattern, path);
  const literal = (part: string): string => part.replaceAll(/[^/A-Za-z0-9]/g, "\\$&");
  const [head = "", ...tails] = pattern.split("{**}").map((part) => part.split("{*}").map(literal).join("[^/]+"));
  return new RegExp(`^${[head, ...tails].join("[^]*")}$`).test(path);
}

function hostsOf(host: string): readonly string[] {
  const lower = host.toLowerCase();
  const colon = lower.lastIndexOf(":");
  const bare = colon >= 0 && /^\d*$/.test(lower.slice(colon + 1)) ? lower.slice(0, colon) : lower;
  return [lower, bare.endsWith(".") ? bare.slice(0, -1) : bare];
}

function likePrincipal(pattern: string, { iss, sub }: Readonly<Record<string, unknown>>): boolean {
  if (typeof iss !== "string" || typeof sub !== "string" || iss === "" || sub === "") return false;
  if (pattern === "*") return true;
  const at = pattern.lastIndexOf("/");
  if (at < 0) {
    if (pattern.startsWith("*")) return sub.endsWith(pattern.slice(1));
    return pattern.endsWith("*") && iss.startsWith(pattern.slice(0, -1));
  }
  const [issuer, subject] = [pattern.slice(0, at), pattern.slice(at + 1)];
  if (pattern.startsWith("*")) return iss.endsWith(issuer.slice(1)) && sub === subject;
  return iss === issuer && (pattern.endsWith("*") ? sub.startsWith(subject.slice(0, -1)) : sub === subject);
}

function address(blocks: readonly string[], text: string | undefined): readonly boolean[] {
  const value = text === undefined ? undefined : numberOf(text);
  if (value === undefined) return [];
  return [
    blocks.some((block) => {
      const [start = "", length] = block.split("/");
      const first = numberOf(start);
      const size = start.includes(":") ? 128 : 32;
      const shift = BigInt(size - Number(length ?? size));
      // Other than in its mapped form, no block of IPv6 means IPv4.
      if (shift > 32n && value >> 32n === 0xffffn) return false;
      return first !== undefined && value >> shift === first >> shift;
    }),
  ];
}

/** Of 128 bits; IPv4 as IPv6 maps it. */
function numberOf(text: string): bigint | undefined {
  const four = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (four !== null) return four.slice(1).reduce((sum, octet) => sum * 256n + BigInt(octet), 0xffffn);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1];
  if (mapped !== undefined) return numberOf(mapped);
  if (!/^[0-9a-f:]+$/i.test(text)) return undefined;
  const [left = "", right] = text.split("::");
  const parts = (side: string): readonly string[] => (side === "" ? [] : side.split(":"));
  const missing = right === undefined ? 0 : 8 - parts(left).length - parts(right).length;
  const all = [...parts(left), ...Array<string>(missing).fill("0"), ...parts(right ?? "")];
  return all.reduce((sum, part) => sum * 65_536n + BigInt(`0x${part}`), 0n);
}

/** As it was sent, and as somebody reads it who decodes, merges and resolves all that can be. */
function readingsOf(path: string): readonly string[] {
  const isPlain = path.split("/").every((segment, index, { length }) => {
    const isEdge = index === 0 || index === length - 1;
    return !/[%\\;]/.test(segment) && segment !== "." && segment !== ".." && (isEdge || segment !== "");
  });
  if (isPlain) return [path];
  let text = path;
  for (let round = 0; round < 3; round++)
    text = text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number(`0x${digits}`)));
  const parts = text.split(/[/\\]/).map((part) => part.split(";", 1)[0] ?? "");
  const kept: string[] = [];
  for (const part of parts) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  const isFolder = kept.length > 0 && ["", ".", ".."].includes(parts.at(-1) ?? "");
  return [path, `/${kept.join("/")}${isFolder ? "/" : ""}`];
}

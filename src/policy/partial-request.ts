/** Requests of which not everything is known: asked about by somebody, or recorded without what is not kept. */
import type { Test } from "./conditions.ts";
import { isHeaderSent } from "./headers.ts";
import type { RequestAttributes } from "./request.ts";
import type { TermAttribute } from "./terms.ts";

export interface PartialRequest {
  readonly attributes: RequestAttributes;
  /** Whether the attribute is as `attributes` say. Of a token as a whole the attribute is `request.auth.claims[*]`. */
  readonly isKnown: (attribute: TermAttribute) => boolean;
}

/** What is known of the attributes whose absence says nothing; addresses and the server name are known where they are given. */
export interface Knowledge {
  readonly path: boolean;
  readonly host: boolean;
  /** In lower case; `all`: no other field was sent. */
  readonly headers: ReadonlySet<string> | "all";
  /** `all`: the token has no other claim, or there is none. */
  readonly claims: ReadonlySet<string> | "all";
  /** Agents do not know the server name either, so that what looks at it restricts; absent, it is known where it is given. */
  readonly hasNoServerName?: boolean;
}

export const NOTHING_HIDDEN: Knowledge = { path: true, host: true, headers: "all", claims: "all" };

const HEADER = /^request\.headers\[(.*)\]$/;
const CLAIM = /^request\.auth\.claims\[([^\]]*)\]/;

export function partialRequest(attributes: RequestAttributes, knowledge: Knowledge): PartialRequest {
  const { path, host, headers, claims, hasNoServerName = false } = knowledge;
  const has = (known: ReadonlySet<string> | "all", name: string): boolean => known === "all" || known.has(name);
  const plain: Partial<Record<TermAttribute, boolean>> = {
    "request.path": path,
    "request.host": host,
    "source.ip": attributes.sourceAddress !== undefined,
    "destination.ip": attributes.destinationAddress !== undefined,
    "connection.sni": hasNoServerName || attributes.serverName !== undefined,
  };
  return {
    attributes,
    isKnown(attribute) {
      const header = HEADER.exec(attribute)?.[1];
      if (header !== undefined) return has(headers, header);
      const claim = CLAIM.exec(attribute)?.[1];
      return claim === undefined ? (plain[attribute] ?? true) : has(claims, claim);
    },
  };
}

/** A request of which everything is known, as an agent knows it. */
export function wholeRequest(attributes: RequestAttributes): PartialRequest {
  return { attributes, isKnown: () => true };
}

/** The attributes that a condition looks at and that are not known. */
export function unknownPartsOf(test: Test, { attributes, isKnown }: PartialRequest): readonly TermAttribute[] {
  const looked = attributesOf(test, attributes);
  return looked.every(isKnown) ? NONE : looked.filter((each) => !isKnown(each));
}

const NONE: readonly TermAttribute[] = [];
/** What each condition looks at, found out once: a replay asks it of every recorded request. */
const lookedAt = new WeakMap<Test, readonly TermAttribute[]>();

function attributesOf(test: Test, request: RequestAttributes): readonly TermAttribute[] {
  if (test.kind === "remoteAddress" && isHeaderSent(request.headers, FORWARDED)) return ONLY_FORWARDED;
  const known = lookedAt.get(test);
  if (known !== undefined) return known;
  const found = attributesNamedBy(test);
  lookedAt.set(test, found);
  return found;
}

function attributesNamedBy(test: Test): readonly TermAttribute[] {
  switch (test.kind) {
    case "principal":
      return ["source.principal"];
    case "namespace":
      return ["source.namespace"];
    case "serviceAccount":
      return ["source.serviceAccount"];
    case "serverName":
      return ["connection.sni"];
    case "method":
      return ["request.method"];
    case "path":
      return ["request.path"];
    case "port":
      return ["destination.port"];
    case "host":
      return ["request.host"];
    case "header":
      return [`request.headers[${test.name}]`];
    case "requestPrincipal":
      return ["request.auth.claims[iss]", "request.auth.claims[sub]"];
    case "claim":
      return [`request.auth.claims[${test.path[0]}]`];
    case "expression":
      return mentionedIn(test.text);
    case "sourceAddress":
      return ["source.ip"];
    case "remoteAddress":
      return [FORWARDED_PART, "source.ip"];
    case "destinationAddress":
      return ["destination.ip"];
  }
}

const FORWARDED = "x-forwarded-for";
const FORWARDED_PART = `request.headers[${FORWARDED}]` as const;
const ONLY_FORWARDED: readonly TermAttribute[] = [FORWARDED_PART];
const CLAIM_MENTION = /\bclaims\s*(?:\.\s*([A-Za-z_]\w*)\b(?!\s*\()|\[\s*(?:"([^"\\\]]*)"|'([^'\\\]]*)')\s*\])/g;

const MENTIONS = [
  [/\bmethod\b/, "request.method"],
  [/\bpath\b/, "request.path"],
  [/\bhost\b/, "request.host"],
  [/\bport\b/, "destination.port"],
] as const;

/** By its words alone: what stands in a text counts too, which makes more of it unknown and never less. */
function mentionedIn(expression: string): readonly TermAttribute[] {
  const claims = [...expression.matchAll(CLAIM_MENTION)].map(([, name, double, single]) => name ?? double ?? single);
  const isWhole = (expression.match(/\bclaims\b/g) ?? []).length > claims.length;
  return [
    ...MENTIONS.flatMap(([word, attribute]) => (word.test(expression) ? [attribute] : [])),
    ...claims.map((name) => `request.auth.claims[${name}]` as const),
    ...(isWhole ? (["request.auth.claims[*]"] as const) : []),
  ];
}

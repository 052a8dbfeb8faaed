/** All rules in force at one workload, compiled: a request in, who it is from out. */
import { parseJsonWebKeys, plainFieldName } from "#model";
import { type CompactToken, parseCompactToken } from "./compact-token.ts";
import type { TokenCrypto } from "./crypto.ts";
import { type Fields, type Found, fieldsWithout, findAt, type Place, pathWithout, placesOf } from "./locations.ts";
import { outputFields } from "./outputs.ts";
import type { TokenRule } from "./token-rule.ts";
import { namesUnknownKey, type RuleKey, timeFault, tokenFault } from "./validate.ts";
import { REMEMBERED_CHARS_MAX, type VerifiedToken, VerifiedTokens } from "./verified-tokens.ts";

/** The request as it goes on, and whose it is. */
export type Authenticated =
  | {
      readonly kind: "accepted";
      /** Of the verified token; undefined without one. */
      readonly claims: Readonly<Record<string, unknown>> | undefined;
      /** Flat: name, value, name, value; the list that was given where nothing in it changes. */
      readonly fields: string[];
      /** With its query. */
      readonly path: string;
    }
  /** It carries what is no valid token. `why` goes on after "The token". */
  | { readonly kind: "refused"; readonly why: string; readonly label: string };

interface CompiledRule {
  readonly rule: TokenRule;
  readonly places: readonly Place[];
  readonly keys: readonly RuleKey[];
}

/** A place, and the rules that look there. */
interface Watched {
  readonly place: Place;
  readonly rules: readonly number[];
  /** Of the first of them. */
  readonly label: string;
}

/** Something that stands at a place. */
interface Sighting {
  readonly watched: Watched;
  readonly found: Exclude<Found, { readonly kind: "none" }>;
}

/** A token that a rule has taken, and everywhere that it stands. */
interface Taken {
  readonly text: string;
  readonly verified: VerifiedToken;
  readonly places: readonly Place[];
}

type Request = Pick<Extract<Authenticated, { kind: "accepted" }>, "fields" | "path">;

/** Told of the issuer of a token whose key is not among those that a rule has. Anybody can make it happen as often as they ask. */
export type OnUnknownKey = (issuer: string) => void;

/** Undefined where there is no rule, so that nothing needs to be asked. */
export function compileTokenRules(
  rules: readonly TokenRule[],
  crypto: TokenCrypto,
  onUnknownKey: OnUnknownKey = () => undefined,
): TokenAuthenticator | undefined {
  return rules.length === 0 ? undefined : new TokenAuthenticator(rules, crypto, onUnknownKey);
}

export class TokenAuthenticator {
  readonly #rules: readonly CompiledRule[];
  readonly #watched: readonly Watched[];
  readonly #digest: TokenCrypto["digest"];
  readonly #onUnknownKey: OnUnknownKey;
  readonly #verified = new VerifiedTokens();
  /** Headers that tell the app who asks: what callers say there themselves is taken away. */
  readonly #outputs: readonly Place[];
  readonly #outputNames: ReadonlySet<string>;

  constructor(rules: readonly TokenRule[], crypto: TokenCrypto, onUnknownKey: OnUnknownKey) {
    this.#onUnknownKey = onUnknownKey;
    this.#rules = rules.map((rule) => ({ rule, places: placesOf(rule.from), keys: keysOf(rule.jwks, crypto) }));
    this.#watched = watchedOf(this.#rules);
    this.#digest = crypto.digest;
    this.#outputs = rules.flatMap(({ output: { payloadHeader, claimHeaders } }) =>
      [payloadHeader, ...claimHeaders.map(({ header }) => header)]
        .filter((name) => name !== "")
        .map((name) => ({ kind: "header" as const, name, prefix: "" })),
    );
    this.#outputNames = new Set(this.#outputs.map(({ name }) => plainFieldName(name)));
  }

  /**
   * Istio's RequestAuthentication: without a token a request passes and is nobody's; with one that no rule takes it is refused. A request
   * that carries several different tokens is refused: nobody could say which of them it is from.
   */
  authenticate(request: Request, nowMs: number): Authenticated {
    let taken: Taken | undefined;
    for (const watched of this.#watched) {
      const found = findAt(watched.place, request.fields, request.path);
      if (found.kind === "none") continue;
      const next = this.#take(taken, { watched, found }, nowMs);
      if (typeof next === "string") return { kind: "refused", why: next, label: watched.label };
      taken = next;
    }
    return taken === undefined ? this.#anonymous(request) : this.#accepted(request, taken);
  }

  /** What is taken once another place has been looked at, or why nothing can be. */
  #take(taken: Taken | undefined, { watched, found }: Sighting, nowMs: number): Taken | string {
    const { place, rules } = watched;
    if (found.kind === "twice") return `stands twice in the ${place.kind} ${place.name}`;
    if (taken === undefined) {
      const verified = this.#verify(found.text, rules, nowMs);
      return typeof verified === "string" ? verified : { text: found.text, verified, places: [place] };
    }
    return taken.text === found.text
      ? { ...taken, places: [...taken.places, place] }
      : "is one of several in the request";
  }

  #anonymous({ fields, path }: Request): Authenticated {
    const isClean = !hasField(fields, this.#outputNames);
    return {
      kind: "accepted",
      claims: undefined,
      fields: isClean ? fields : fieldsWithout(fields, this.#outputs),
      path,
    };
  }

  #accepted({ fields, path }: Request, { verified: { rule: index, token }, places }: Taken): Authenticated {
    const { rule } = this.#rules[index] as CompiledRule;
    const removed = rule.isForwarded ? this.#outputs : [...this.#outputs, ...places];
    const outputs = outputFields(rule.output, token);
    return {
      kind: "accepted",
      claims: token.claims,
      fields: removed.length === 0 ? fields : [...fieldsWithout(fields, removed), ...outputs],
      path: pathWithout(path, removed),
    };
  }

  /** What a rule has made of it, or why none takes it. */
  #verify(text: string, rules: readonly number[], nowMs: number): VerifiedToken | string {
    const isShort = text.length <= REMEMBERED_CHARS_MAX;
    const digest = isShort ? this.#digest(text) : "";
    const known = isShort ? this.#verified.find(digest) : undefined;
    if (known !== undefined && rules.includes(known.rule)) return timeFault(known.token.claims, nowMs / 1000) ?? known;
    const token = parseCompactToken(text);
    if (typeof token === "string") return token;
    const verified = this.#takenBy(token, rules, nowMs);
    if (isShort && typeof verified !== "string") this.#verified.remember(digest, verified);
    return verified;
  }

  #takenBy(token: CompactToken, rules: readonly number[], nowMs: number): VerifiedToken | string {
    let fault = "is from an issuer that is not accepted";
    for (const index of rules) {
      const { rule, keys } = this.#rules[index] as CompiledRule;
      if (token.claims["iss"] !== rule.issuer) continue;
      const found = tokenFault(token, { audiences: rule.audiences, keys }, nowMs);
      if (found === undefined) return { rule: index, token: { claims: token.claims, payload: token.payload } };
      if (namesUnknownKey(token, keys)) this.#onUnknownKey(rule.issuer);
      fault = found;
    }
    return fault;
  }
}

function keysOf(jwks: string, { importKey }: TokenCrypto): readonly RuleKey[] {
  const parsed = jwks === "" ? undefined : parseJsonWebKeys(jwks);
  if (parsed?.ok !== true) return [];
  return parsed.value.flatMap(({ kid, algorithms, jwk }) => {
    const key = importKey(jwk);
    return key === undefined ? [] : [{ kid, algorithms, key }];
  });
}

function watchedOf(rules: readonly CompiledRule[]): readonly Watched[] {
  const watched = new Map<string, Watched & { readonly rules: number[] }>();
  for (const [index, { rule, places }] of rules.entries()) {
    for (const place of places) {
      const key = JSON.stringify(place);
      const held = watched.get(key) ?? { place, rules: [], label: rule.label };
      held.rules.push(index);
      watched.set(key, held);
    }
  }
  return [...watched.values()];
}

/** Whether one of the names, in their plain form, is there in any spelling. */
function hasField(fields: Fields, names: ReadonlySet<string>): boolean {
  for (let index = 0; index < fields.length; index += 2)
    if (names.has(plainFieldName(fields[index] as string))) return true;
  return false;
}

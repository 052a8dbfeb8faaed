import {
  type CompiledPolicy,
  compilePolicy,
  type Decision,
  decide,
  type ExternalCheck,
  type RuleSet,
  unaskedLabel,
} from "#policy";
import { openRules } from "./open-rules.ts";
import { type KnownClaims, type RecordedRequest, ReplayedRequest } from "./recorded-request.ts";

export type { RecordedRequest } from "./recorded-request.ts";

/** What decides at one workload. */
export interface RulesInForce {
  readonly ruleSets: readonly RuleSet[];
  /** External authorizers that can be asked. */
  readonly authorizers: ReadonlySet<string>;
  /** The rules by which tokens are verified, as a text that tells them apart; "" for none. */
  readonly tokens: string;
  readonly mtls: "STRICT" | "PERMISSIVE" | "DISABLE";
}

/** What becomes of recorded requests. */
export type Outcome =
  | { readonly kind: "same" }
  | {
      readonly kind: "flips";
      readonly to: "allow" | "deny";
      /** What would decide. */
      readonly label: string;
      readonly rule: number;
      /** Whether `from` is what the rules as they are decide, or, where that cannot be known, what was decided when it was recorded. */
      readonly basis: "replay" | "recorded";
    }
  /** It may flip: that depends on attributes that were not recorded, in the words of the policies. */
  | { readonly kind: "unknown"; readonly missing: readonly string[] };

/** What the caller's own agent makes of a request before it is sent. `some`: it depends on which of the caller's workloads called. */
export type Departure =
  | { readonly kind: "passes" }
  | { readonly kind: "refused"; readonly label: string; readonly rule: number }
  | { readonly kind: "some"; readonly refused: readonly string[] };

/** By the policies about what goes out, as they are and as they would be. */
export interface Egress {
  readonly is: Departure;
  readonly would: Departure;
}

/** A verdict as far as it is known. */
type Judged = Known | { readonly kind: "unknown"; readonly missing: ReadonlySet<string> };

interface Known {
  readonly kind: "known";
  readonly verdict: "allow" | "deny";
  readonly label: string;
  readonly rule: number;
}

const SAME: Outcome = { kind: "same" };
const PASSES: Egress = { is: { kind: "passes" }, would: { kind: "passes" } };

/**
 * Compares two states of the rules of one workload. What is prepared is good for any number of requests.
 *
 * A flip is certain: whatever was not recorded, the request was decided one way and would be decided the other. What would be decided by a
 * condition that cannot be judged is unknown, unless the change leaves every rule as it was that may concern the request.
 */
export function replay(
  before: RulesInForce,
  after: RulesInForce,
): (recorded: RecordedRequest, egress?: Egress) => Outcome {
  const [held, changed] = [sideOf(before), sideOf(after)];
  const isHeld = held.text === changed.text;
  return (recorded, egress = PASSES) => {
    const isSentAlike = isSameDeparture(egress);
    if (isHeld && isSentAlike) return SAME;
    const readings = new Readings(recorded);
    const would = departing(egress.would, judge(changed, held, readings));
    const is = departing(egress.is, judge(held, held, readings));
    if (would.kind === "known") return outcomeOf(would, is, recorded);
    const isOpenAlike =
      isSentAlike && is.kind === "unknown" && openText(held, recorded) === openText(changed, recorded);
    return isOpenAlike ? SAME : { kind: "unknown", missing: [...would.missing].sort() };
  };
}

function isSameDeparture({ is, would }: Egress): boolean {
  if (is.kind !== "some" || would.kind !== "some") return is.kind === would.kind;
  return is.refused.join() === would.refused.join();
}

const CALLING = "which of the caller's workloads called";

/** What is not let out never comes to the destination. */
function departing(by: Departure, arrived: Judged): Judged {
  if (by.kind === "passes") return arrived;
  if (by.kind === "refused") return { kind: "known", verdict: "deny", label: by.label, rule: by.rule };
  if (arrived.kind === "known" && arrived.verdict === "deny") return arrived;
  return { kind: "unknown", missing: new Set([...(arrived.kind === "known" ? [] : arrived.missing), CALLING]) };
}

function outcomeOf(would: Known, is: Judged, recorded: RecordedRequest): Outcome {
  const from = is.kind === "known" ? is.verdict : recorded.verdict;
  if (would.verdict === from) return SAME;
  const { verdict: to, label, rule } = would;
  return { kind: "flips", to, label, rule, basis: is.kind === "known" ? "replay" : "recorded" };
}

interface Side {
  readonly rules: RulesInForce;
  readonly policy: CompiledPolicy;
  readonly open: (request: ReplayedRequest) => string;
  readonly text: string;
}

function sideOf(rules: RulesInForce): Side {
  const { ruleSets, authorizers, tokens, mtls } = rules;
  return {
    rules,
    policy: compilePolicy(ruleSets.filter(({ mode }) => mode === "enforce")),
    open: openRules(ruleSets),
    text: JSON.stringify([ruleSets, [...authorizers].sort(), tokens, mtls]),
  };
}

/** Everything that may still decide, and what else it depends on. */
function openText({ rules, open }: Side, recorded: RecordedRequest): string {
  const request = new ReplayedRequest(recorded, "none", () => undefined);
  return JSON.stringify([open(request), [...rules.authorizers].sort(), rules.tokens]);
}

const TOKEN = "request.auth.claims";

/** One recorded request, read by what is known of its token: both states of the rules mostly know the same. */
class Readings {
  readonly recorded: RecordedRequest;
  #claims: KnownClaims | undefined;
  #request: ReplayedRequest | undefined;
  #missing: Set<string> = new Set();

  constructor(recorded: RecordedRequest) {
    this.recorded = recorded;
  }

  /** From here on `missing` is what deciding it asks for and is not known. */
  with(claims: KnownClaims): { readonly request: ReplayedRequest; readonly missing: Set<string> } {
    this.#missing = new Set();
    if (this.#request === undefined || this.#claims !== claims) {
      this.#claims = claims;
      this.#request = new ReplayedRequest(this.recorded, claims, (attributes) => {
        for (const each of attributes) this.#missing.add(each);
      });
    }
    return { request: this.#request, missing: this.#missing };
  }
}

function judge(side: Side, held: Side, readings: Readings): Judged {
  const { recorded } = readings;
  const barred = barredBy(side.rules, recorded);
  if (barred !== undefined) return { kind: "known", verdict: "deny", label: barred, rule: -1 };
  const claims = claimsUnder(side.rules, held.rules, recorded);
  if (claims === "refused") return { kind: "known", verdict: "deny", label: "RequestAuthentication", rule: -1 };
  const { request, missing } = readings.with(claims);
  const restricted = decide(side.policy, request.restricted);
  const isOpen = restricted.verdict === "deny" || restricted.external !== undefined;
  const permitted = isOpen ? decide(side.policy, request.permitted) : restricted;
  // Which rule decides is told by the reading that permits: it takes nothing for a match that was not recorded.
  if (permitted.verdict === "deny") return knownOf(permitted);
  // A token that was not looked for, or by other rules, may be refused.
  if (claims === "none") return { kind: "unknown", missing: missing.add(TOKEN) };
  const authorized = authorizedBy({ restricted, permitted }, { side, held, recorded, request });
  if (authorized === "unknown") return { kind: "unknown", missing: missing.add(askedOf(restricted)) };
  if (authorized !== undefined) return authorized;
  if (restricted.verdict === permitted.verdict) return knownOf(restricted);
  return { kind: "unknown", missing };
}

function knownOf({ verdict, label, rule }: Decision): Judged {
  return { kind: "known", verdict, label, rule };
}

/** What the listener itself refuses, whatever the rules say. */
function barredBy({ mtls }: RulesInForce, recorded: RecordedRequest): string | undefined {
  if (mtls === "STRICT" && !recorded.mtls) return "PeerAuthentication: STRICT refuses callers in the clear";
  if (mtls === "DISABLE" && recorded.mtls) return "PeerAuthentication: DISABLE refuses callers in TLS";
  return undefined;
}

/** Tokens are read by rules: what was seen of them holds as long as those are the same. */
function claimsUnder(rules: RulesInForce, held: RulesInForce, recorded: RecordedRequest): KnownClaims | "refused" {
  if (recorded.protocol === "tcp" || rules.tokens === "") return "all";
  if (rules.tokens !== held.tokens) return "none";
  switch (recorded.token) {
    case "unread":
      return "none";
    case "none":
      return "all";
    case "verified":
      return "issuer";
    case "refused":
      return "refused";
  }
}

interface Asked {
  readonly side: Side;
  readonly held: Side;
  readonly recorded: RecordedRequest;
  readonly request: ReplayedRequest;
}

interface Decided {
  readonly restricted: Decision;
  readonly permitted: Decision;
}

/** What an external authorizer makes of it; undefined where none is asked, or where it let the request pass. */
function authorizedBy({ restricted, permitted }: Decided, asked: Asked): Judged | "unknown" | undefined {
  const { external } = restricted;
  if (external === undefined) return undefined;
  if (!isAskable(external, asked.side.rules)) {
    const denied = { kind: "known", verdict: "deny", label: unaskedLabel(external), rule: external.rule } as const;
    return permitted.external === undefined ? "unknown" : denied;
  }
  const answered = decide(asked.held.policy, asked.request.permitted).external;
  const isAnswered = answered?.provider === external.provider && isAskable(answered, asked.held.rules);
  if (permitted.external === undefined || !isAnswered) return "unknown";
  // It is asked before the rules: what they decided it had let pass.
  if (!asked.recorded.isExternal) return undefined;
  return { kind: "known", verdict: "deny", label: `${external.label}: denied by ${external.provider}`, rule: -1 };
}

function isAskable({ rivals, provider }: ExternalCheck, { authorizers }: RulesInForce): boolean {
  return rivals.length === 0 && authorizers.has(provider);
}

function askedOf({ external }: Decision): string {
  return `what the external authorizer ${external?.provider ?? ""} says`;
}

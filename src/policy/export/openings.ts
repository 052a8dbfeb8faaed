/**
 * A plan as what is let in, for systems that only allow, or deny less finely than they allow: by pods, blocks of addresses and ports, and
 * by what some of them know of requests. What is denied is taken out of what is allowed, and where it only touches it, the whole of it.
 */
import type { NetworkPeer } from "#model";
import { conflictIn, coversClause, type Term, type TermClause } from "#policy";
import {
  ALL_PORTS,
  ALL_V4,
  ALL_V6,
  difference,
  distinctBlocks,
  familiesOf,
  holdsBlock,
  intersection,
  type PortRange,
  portRanges,
} from "./addresses.ts";
import type { ExportedWorkload, ExportFacts, ExportNote } from "./export.ts";
import { type Holds, keptPlan } from "./kept.ts";
import { type PlannedClause, planOf } from "./plan.ts";
import { isOfTrustDomain, podCallers } from "./pod-callers.ts";

/** One peer, or everybody, at some ports. */
export interface Opening {
  readonly policy: string;
  readonly rule: number;
  readonly peer: NetworkPeer | undefined;
  /** The peer as terms, to compare it with what is denied. */
  readonly callers: readonly Term[];
  /** What else must hold of a request. */
  readonly requests: readonly Term[];
  readonly ports: readonly PortRange[];
}

export interface Openings {
  /** Undefined where everything is open. */
  readonly openings: readonly Opening[] | undefined;
  readonly notes: readonly ExportNote[];
}

const OF_CALLERS: ReadonlySet<string> = new Set([
  "source.principal",
  "source.namespace",
  "source.serviceAccount",
  "source.ip",
  "destination.port",
]);

/** Why a term is none that a network holds, with `otherwise` for what is no caller, address or port. */
export function cannotBeCaller({ attribute, patterns }: Term, otherwise: string): string | undefined {
  if (!OF_CALLERS.has(attribute)) return otherwise;
  if (attribute !== "source.ip") return undefined;
  const odd = patterns.find((each) => familiesOf(each) === undefined);
  return odd === undefined ? undefined : `${odd} is IPv4 in the form of IPv6, which packets do not have`;
}

/** `cannotHold` is asked of what allows; what denies is compared whole. */
export function openingsFor(workload: ExportedWorkload, facts: ExportFacts, cannotHold: Holds): Openings {
  const label = `${workload.namespace}/${workload.name}`;
  const plan = planOf(workload, facts);
  const kept = keptPlan({ ...plan, deny: [] }, label, cannotHold);
  if (plan.deny.length === 0 && kept.allow === undefined) return { openings: undefined, notes: kept.notes };
  const notes: ExportNote[] = [...kept.notes];
  const note = ({ policy, rule }: PlannedClause, message: string): void => {
    notes.push({ workload: label, policy, rule, effect: "denies-more", message });
  };
  const opened = (kept.allow ?? [EVERYONE]).flatMap((clause): readonly Opening[] => {
    const openings = openingsOf(clause, facts);
    if (typeof openings === "string") note(clause, `is left out and allows nothing there: ${openings}`);
    else if (clause.terms.some(isIdentity) && !isOfTrustDomain(clause.terms, facts)) note(clause, NARROWED);
    return typeof openings === "string" ? [] : openings;
  });
  const openings = plan.deny.reduce<readonly Opening[]>(
    (left, denied) => left.flatMap((each) => without(each, denied, () => note(denied, TOUCHED))),
    opened,
  );
  return { openings, notes };
}

const EVERYONE: PlannedClause = { policy: "", rule: -1, terms: [] };
const NARROWED = "lets in only callers of this trust domain, since others are no pods of the cluster";
const TOUCHED = "concerns a part of what another rule allows, which is left out whole at the same ports";

/** The peers of a rule that allows, or why they cannot be told. */
function openingsOf({ policy, rule, terms }: PlannedClause, facts: ExportFacts): readonly Opening[] | string {
  const ports = portsOf(terms);
  const requests = terms.filter(({ attribute }) => !OF_CALLERS.has(attribute));
  const addresses = terms.filter(({ attribute }) => attribute === "source.ip");
  const identities = terms.filter(isIdentity);
  // No port at all is nothing, where no list of ports would be every port.
  if (ports.length === 0) return [];
  const opening = { policy, rule, ports, requests };
  if (identities.length === 0 && addresses.length === 0) return [{ ...opening, peer: undefined, callers: [] }];
  if (identities.length === 0) return blocksOf(addresses).map((block) => ({ ...opening, ...blockPeer(block) }));
  if (addresses.length > 0) return "a peer is either pods or a block of addresses";
  const callers = podCallers(identities, facts);
  if (typeof callers === "string") return callers;
  return callers.map((each) => ({ ...opening, peer: each.peer, callers: each.terms }));
}

function isIdentity({ attribute }: Term): boolean {
  return /^source\.(?:principal|namespace|serviceAccount)$/.test(attribute);
}

function portsOf(terms: readonly Term[]): readonly PortRange[] {
  return terms
    .filter(({ attribute }) => attribute === "destination.port")
    .reduce<readonly PortRange[]>((left, { isNegated, patterns }) => {
      const said = portRanges(patterns);
      return isNegated ? difference(left, said) : intersection(left, said);
    }, ALL_PORTS);
}

interface Block {
  readonly cidr: string;
  readonly except: readonly string[];
}

/** What all terms leave, block by block: blocks hold one another, or have nothing in common. */
function blocksOf(terms: readonly Term[]): readonly Block[] {
  const whole: readonly Block[] = [ALL_V4, ALL_V6].map((cidr) => ({ cidr, except: [] }));
  return terms.reduce((blocks, { isNegated, patterns }) => {
    const said = distinctBlocks(patterns.flatMap(cidrsOf));
    if (isNegated) return blocks.flatMap((each) => blockWithout(each, said));
    return blocks.flatMap((each) => said.flatMap((cidr) => blockWithin(each, cidr)));
  }, whole);
}

function cidrsOf(pattern: string): readonly string[] {
  const { v4, v6 } = familiesOf(pattern) ?? {};
  return [v4, v6].filter((each) => each !== undefined);
}

function blockWithin({ cidr, except }: Block, other: string): readonly Block[] {
  const inner = holdsBlock(cidr, other) ? other : holdsBlock(other, cidr) ? cidr : undefined;
  if (inner === undefined || except.some((each) => holdsBlock(each, inner))) return [];
  return [{ cidr: inner, except: except.filter((each) => holdsBlock(inner, each)) }];
}

function blockWithout({ cidr, except }: Block, others: readonly string[]): readonly Block[] {
  if (others.some((each) => holdsBlock(each, cidr))) return [];
  return [{ cidr, except: distinctBlocks([...except, ...others.filter((each) => holdsBlock(cidr, each))]) }];
}

function clauseOf(terms: readonly Term[]): TermClause {
  return { rule: 0, terms, expression: "", unenforceable: "" };
}

function blockPeer({ cidr, except }: Block): Pick<Opening, "peer" | "callers"> {
  const inside: Term = { attribute: "source.ip", isNegated: false, patterns: [cidr] };
  const outside: Term = { attribute: "source.ip", isNegated: true, patterns: except };
  return { peer: { kind: "block", cidr, except }, callers: except.length === 0 ? [inside] : [inside, outside] };
}

/** What is left of an opening beside what is denied. */
function without(opening: Opening, denied: PlannedClause, note: () => void): readonly Opening[] {
  const shut = intersection(opening.ports, portsOf(denied.terms));
  const opened = [...opening.callers, ...opening.requests];
  const terms = denied.terms.filter(({ attribute }) => attribute !== "destination.port");
  // A conflict among the terms that deny is none: without HTTP what they ask for counts as met.
  const isApart = opened.some((one) => terms.some((other) => conflictIn([one, other]) !== undefined));
  if (isApart || shut.length === 0) return [opening];
  const left = difference(opening.ports, shut);
  const beside = left.length === 0 ? [] : [{ ...opening, ports: left }];
  if (coversClause(clauseOf(terms), clauseOf(opened))) return beside;
  const blocks = blocksBeside(opening, terms);
  if (blocks !== undefined)
    return [...beside, ...blocks.map((each) => ({ ...opening, ports: shut, ...blockPeer(each) }))];
  note();
  return beside;
}

/** Addresses can be taken out of addresses; undefined where somebody else is meant. */
function blocksBeside({ peer }: Opening, callers: readonly Term[]): readonly Block[] | undefined {
  const isByAddress = callers.length === 1 && callers[0]?.attribute === "source.ip";
  if (!isByAddress || peer?.kind === "pods") return undefined;
  const opened = peer === undefined ? [ALL_V4, ALL_V6].map((cidr) => ({ cidr, except: [] })) : [peer];
  const [term] = callers;
  const said = distinctBlocks((term?.patterns ?? []).flatMap(cidrsOf));
  if (term?.isNegated === true) return opened.flatMap((each) => said.flatMap((cidr) => blockWithin(each, cidr)));
  return opened.flatMap((each) => blockWithout(each, said));
}

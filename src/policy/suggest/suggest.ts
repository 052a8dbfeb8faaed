import type { AccessPolicy, AccessRule } from "#model";
import type { CallerAttributes, ProvedAttributes } from "#policy";
import {
  type CallKind,
  callKinds,
  hasAmbiguousPath,
  type ObservedCall,
  type Obstacle,
  obstacleOf,
} from "./observed-calls.ts";
import { type Asked, atomsFor, isMixed, isOpen, OPERATIONS_MAX, operationsOf } from "./operations.ts";
import { type Proof, prove } from "./proof.ts";
import { type SharedAttributes, sharedAttributes, subjectsFor } from "./subjects.ts";

/** What is suggested for: the workloads with these labels. */
export interface SuggestedService {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
}

export interface SuggestOptions {
  /** Kinds of requests that were seen less often stand in rules of their own. */
  readonly rareBelow: number;
  /** Whether each caller is named, also where an attribute means just them. */
  readonly isExact: boolean;
}

/** What one rule was derived of. */
export interface SuggestedRule {
  /** Of the policy, in which the rule stands, and of the rule in it. */
  readonly policy: number;
  readonly rule: number;
  readonly callers: readonly string[];
  readonly requests: number;
  readonly lastSeenMs: number;
  /** All that it grants was seen seldom. */
  readonly isRare: boolean;
  /** It asks for no method and no path: those of a caller's requests are not known, or there are none. */
  readonly isOpen: boolean;
}

/** What was let through and is not granted. */
export interface LeftOut {
  readonly why: Obstacle;
  /** "" for one without an identity. */
  readonly caller: string;
  readonly method: string;
  readonly path: string;
  readonly requests: number;
  readonly lastSeenMs: number;
}

export interface Suggestion {
  /** None where there is nothing to grant; several where one has no room for all rules. */
  readonly policies: readonly AccessPolicy[];
  readonly rules: readonly SuggestedRule[];
  readonly leftOut: readonly LeftOut[];
  readonly proof: Proof;
}

/**
 * The least that lets pass what was let through, by everybody who is known to the mesh, and of the other recorded calls nothing. Undefined when
 * nothing was recorded: what was never seen has no profile.
 */
export function suggestFor(
  service: SuggestedService,
  calls: readonly ObservedCall[],
  { known, ...options }: SuggestOptions & { readonly known: ProvedAttributes },
): Suggestion | undefined {
  if (calls.length === 0) return undefined;
  const kinds = callKinds(calls);
  const { granted, refused, leftOut } = sorted(kinds);
  const shared = options.isExact ? undefined : sharedAttributes(withRecorded(known, kinds));
  const refusedTo = Map.groupBy(refused, ({ caller }) => caller.principal);
  const profiles = [...Map.groupBy(granted, ({ caller }) => caller.principal)].map(([principal, each]) =>
    profileOf(each, refusedTo.get(principal) ?? [], options),
  );
  const drafts = [...draftsOf(profiles, shared, "usual"), ...draftsOf(profiles, undefined, "rare")];
  const placed = drafts.map((each, index) => ({
    ...each,
    policy: Math.floor(index / RULES_MAX),
    rule: index % RULES_MAX,
  }));
  const byPolicy = [...Map.groupBy(placed, ({ policy }) => policy).values()];
  const policies = byPolicy.map((each, index) =>
    policyOf(
      service,
      each.map(({ written }) => written),
      index,
    ),
  );
  const derived = new Set(profiles.flatMap((each) => each.derived));
  return {
    policies,
    rules: placed.map(({ written: _, ...each }) => each),
    leftOut: [...leftOut, ...profiles.flatMap((each) => each.leftOut)],
    proof: prove(policies, { granted: [...derived], others: kinds.filter((each) => !derived.has(each)) }, known),
  };
}

/** Rules and subjects of one policy and rule; the schema takes no more. */
const RULES_MAX = 64;
const SUBJECTS_MAX = 64;

function sorted(kinds: readonly CallKind[]) {
  const refused = kinds.filter(({ allowed }) => allowed === 0);
  const passed = kinds.filter(({ allowed }) => allowed > 0).map((kind) => ({ kind, obstacle: obstacleOf(kind) }));
  const granted = passed.flatMap(({ kind, obstacle }) => (obstacle === undefined ? [kind] : []));
  const leftOut = passed.flatMap(({ kind, obstacle }) => (obstacle === undefined ? [] : [leftOutOf(kind, obstacle)]));
  const apart = passed.flatMap(({ kind, obstacle }) =>
    obstacle === "denied-since" || obstacle === "not-told-apart" ? [kind] : [],
  );
  return { granted, refused: [...refused, ...apart], leftOut };
}

function leftOutOf({ caller, method, path, allowed, lastAllowedMs }: CallKind, why: Obstacle): LeftOut {
  return { why, caller: caller.principal, method, path, requests: allowed, lastSeenMs: lastAllowedMs };
}

/** Who was recorded is known too, though no object and no workload of theirs is there any more. */
function withRecorded(known: ProvedAttributes, kinds: readonly CallKind[]): ProvedAttributes {
  const names = new Set(known.accounts.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
  const recorded = new Set(
    kinds.map(({ caller }) => caller.serviceAccount).filter((each) => each !== "" && !names.has(each)),
  );
  const more = [...recorded].map((each) => {
    const [namespace = "", name = ""] = each.split("/");
    return { metadata: { namespace, name, labels: {} } };
  });
  return { ...known, accounts: [...known.accounts, ...more] };
}

interface Profile {
  readonly caller: CallerAttributes;
  readonly usual: Part;
  readonly rare: Part;
  /** What the two parts let pass. */
  readonly derived: readonly CallKind[];
  readonly leftOut: readonly LeftOut[];
}

interface Part {
  readonly asked: readonly Asked[];
  readonly requests: number;
  readonly lastSeenMs: number;
}

/** Of one caller. */
function profileOf(granted: readonly CallKind[], denied: readonly CallKind[], { rareBelow }: SuggestOptions): Profile {
  const { caller } = granted[0] as CallKind;
  const isRare = ({ allowed }: CallKind): boolean => allowed < rareBelow;
  if (granted.some(isOpen) && denied.length === 0) {
    const all = { asked: [{ kind: "all" }], ...partOf(granted) } as const;
    const [usual, rare] = granted.every(isRare) ? [NOTHING, all] : [all, NOTHING];
    return { caller, usual, rare, derived: granted, leftOut: [] };
  }
  const ambiguous = granted.filter(hasAmbiguousPath);
  const avoided = [...denied, ...ambiguous];
  const mixed = granted.filter((each) => isOpen(each) || (!hasAmbiguousPath(each) && isMixed(each, avoided)));
  const derived = granted.filter((each) => !ambiguous.includes(each) && !mixed.includes(each));
  const part = (kinds: readonly CallKind[]): Part => ({
    asked: atomsFor(kinds, avoided),
    ...partOf(kinds),
  });
  return {
    caller,
    usual: part(derived.filter((each) => !isRare(each))),
    rare: part(derived.filter(isRare)),
    derived,
    leftOut: [
      ...mixed.map((each) => leftOutOf(each, "not-told-apart")),
      ...ambiguous.map((each) => leftOutOf(each, "ambiguous-path")),
    ],
  };
}

const NOTHING: Part = { asked: [], requests: 0, lastSeenMs: 0 };

function partOf(kinds: readonly CallKind[]): Pick<Part, "requests" | "lastSeenMs"> {
  return {
    requests: kinds.reduce((sum, { allowed }) => sum + allowed, 0),
    lastSeenMs: kinds.reduce((latest, { lastAllowedMs }) => Math.max(latest, lastAllowedMs), 0),
  };
}

type Draft = Omit<SuggestedRule, "policy" | "rule"> & { readonly written: AccessRule };

/** Callers that ask for the same are one rule, the one most used first. */
function draftsOf(
  profiles: readonly Profile[],
  shared: SharedAttributes | undefined,
  which: "usual" | "rare",
): readonly Draft[] {
  const asking = profiles.filter((each) => each[which].asked.length > 0);
  const textOf = (each: Profile): string => JSON.stringify(each[which].asked.map((one) => JSON.stringify(one)).sort());
  const drafts = [...Map.groupBy(asking, textOf).values()].flatMap((alike) => {
    const operations = operationsOf(alike[0]?.[which].asked ?? []);
    const subjects = subjectsFor(
      alike.map(({ caller }) => caller),
      shared,
    );
    const told = {
      callers: alike.map(({ caller }) => caller.principal).sort(),
      requests: alike.reduce((sum, each) => sum + each[which].requests, 0),
      lastSeenMs: Math.max(...alike.map((each) => each[which].lastSeenMs)),
      isRare: which === "rare",
      isOpen: operations.length === 0,
    };
    return chunked(subjects, SUBJECTS_MAX).flatMap((some) =>
      chunked(operations, OPERATIONS_MAX).map((each): Draft => {
        const written = { subjects: some, operations: each, condition: "", mode: "Enforce" } as const;
        return { ...told, written };
      }),
    );
  });
  return drafts.sort((a, b) => b.requests - a.requests);
}

/** At least one, empty if need be. */
function chunked<T>(values: readonly T[], size: number): readonly (readonly T[])[] {
  if (values.length <= size) return [values];
  return [values.slice(0, size), ...chunked(values.slice(size), size)];
}

function policyOf(
  { namespace, name, selector }: SuggestedService,
  rules: readonly AccessRule[],
  index: number,
): AccessPolicy {
  return {
    apiVersion: "heddle.dev/v1",
    kind: "AccessPolicy",
    metadata: {
      namespace,
      name: `${name}-seen-callers${index === 0 ? "" : `-${index + 1}`}`,
      labels: {},
      annotations: {},
    },
    spec: {
      selector,
      action: "Allow",
      propagation: "None",
      fallback: false,
      expiresAtMs: undefined,
      schedule: [],
      rules,
    },
  };
}

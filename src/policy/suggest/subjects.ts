/** Callers by the fewest attributes that mean them and nobody else who is known. */
import type { AccessSubject } from "#model";
import type { CallerAttributes, LabelledObject } from "#policy";

/** Who is known to the mesh: all of these, whether they call or not. */
export interface KnownCallers {
  readonly accounts: readonly LabelledObject[];
  readonly namespaces: readonly LabelledObject[];
}

interface Attribute {
  readonly subject: AccessSubject;
  /** The least is the narrowest. */
  readonly rank: number;
  /** `namespace/account` of everybody who has it. */
  readonly members: Set<string>;
}

/** Of each account, the attributes that it shares. */
export type SharedAttributes = ReadonlyMap<string, readonly Attribute[]>;

const NOBODY: AccessSubject = {
  identities: [],
  namespaces: [],
  namespaceLabels: {},
  accountLabels: {},
  addresses: [],
  claims: {},
};
/** Labels that say how a namespace is kept, and nothing of who is in it. */
const OWN_LABELS = "heddle.dev/";
/** One alone is said by name: whoever comes to have the attribute later is somebody else. */
const MEMBERS_MIN = 2;

export function sharedAttributes({ accounts, namespaces }: KnownCallers): SharedAttributes {
  const labelsOf = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels]));
  const attributes = new Map<string, Attribute>();
  const byAccount = new Map<string, Attribute[]>();
  for (const { metadata } of accounts) {
    const account = `${metadata.namespace}/${metadata.name}`;
    const of = subjectsOf(metadata, labelsOf.get(metadata.namespace) ?? {}).map(([rank, said]) => {
      const key = JSON.stringify(said);
      const known = attributes.get(key) ?? { subject: { ...NOBODY, ...said }, rank, members: new Set<string>() };
      attributes.set(key, known);
      known.members.add(account);
      return known;
    });
    byAccount.set(account, of);
  }
  return byAccount;
}

/**
 * From the narrowest on. No label of accounts without a namespace: whoever administers any other could give it to accounts there. Labels of
 * namespaces are given by those above.
 */
function subjectsOf(
  { namespace, labels }: LabelledObject["metadata"],
  ofNamespace: LabelledObject["metadata"]["labels"],
): readonly (readonly [number, Partial<AccessSubject>])[] {
  const telling = (all: typeof labels) => Object.entries(all).filter(([name]) => !name.startsWith(OWN_LABELS));
  const own = telling(labels).map(([name, value]) => ({ [name]: value }));
  return [
    ...own.map((accountLabels) => [0, { namespaces: [namespace], accountLabels }] as const),
    [1, { namespaces: [namespace] }],
    ...telling(ofNamespace).map(([name, value]) => [2, { namespaceLabels: { [name]: value } }] as const),
  ];
}

/**
 * An attribute stands for callers only where everybody who is known to have it is among them, and there are several; the others are named.
 * Undefined attributes name everybody.
 */
export function subjectsFor(
  callers: readonly CallerAttributes[],
  shared: SharedAttributes | undefined,
): readonly AccessSubject[] {
  const accounts = new Set(callers.flatMap(({ serviceAccount }) => (serviceAccount === "" ? [] : [serviceAccount])));
  const candidates = new Set([...accounts].flatMap((account) => shared?.get(account) ?? []));
  const whole = [...candidates].filter(({ members }) => members.size >= MEMBERS_MIN && members.isSubsetOf(accounts));
  const left = new Set(accounts);
  const subjects: AccessSubject[] = [];
  for (;;) {
    const best = widest(whole, left);
    if (best === undefined) break;
    subjects.push(best.subject);
    for (const member of best.members) left.delete(member);
  }
  const named = callers.filter(({ serviceAccount }) => serviceAccount === "" || left.has(serviceAccount));
  const identities = [...new Set(named.map(({ principal }) => principal))].sort();
  return identities.length === 0 ? subjects : [...subjects, { ...NOBODY, identities }];
}

/** The one that says most of those who are left, and of several the narrowest. */
function widest(attributes: readonly Attribute[], left: ReadonlySet<string>): Attribute | undefined {
  const counted = attributes
    .map((each) => ({ each, count: [...each.members].filter((member) => left.has(member)).length }))
    .filter(({ count }) => count >= MEMBERS_MIN);
  counted.sort((a, b) => b.count - a.count || a.each.rank - b.each.rank);
  return counted[0]?.each;
}

/**
 * Where endpoints are, and what is preferred from where the caller is: Istio's `localityLbSetting`. Every endpoint gets a level, 0 the
 * best, and a share of what its level gets.
 */

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export interface LocalitySettings {
  /** Where the caller is. */
  readonly own: Locality;
  /** Callers in the region `from` go to `to` before any other region. In force only with outlier detection, as all failover. */
  readonly failover?: readonly RegionFailover[];
  /**
   * Weights instead of failover, which is off as soon as there is an entry. The first one whose `from` fits the caller is in force, with
   * or without outlier detection.
   */
  readonly distribute?: readonly Distribution[];
}

export interface RegionFailover {
  readonly from: string;
  readonly to: string;
}

export interface Distribution {
  /** `region/zone/subZone`; what is left out or `*` fits all. */
  readonly from: string;
  /** The same form, with percentages; endpoints that fit none get no traffic. */
  readonly to: Readonly<Record<string, number>>;
}

/** What is needed of an endpoint. */
export interface Located {
  readonly weight: number;
  readonly locality?: Locality | undefined;
  /** Given by the service itself, 0 the best; comes before what localities say. */
  readonly priority?: number | undefined;
}

const NOWHERE: Locality = { region: "", zone: "", subZone: "" };

/** More than any preference between localities. */
const LOCALITY_LEVELS = 5;

/** Whether a place fits `region/zone/subZone`. */
function fits({ region, zone, subZone }: Locality, pattern: string): boolean {
  const [wantedRegion = "", wantedZone = "*", wantedSubZone = "*"] = pattern.split("/");
  const isAny = (wanted: string): boolean => wanted === "*" || wanted === "";
  return (
    (wantedRegion === "*" || wantedRegion === region) &&
    (isAny(wantedZone) || wantedZone === zone) &&
    (isAny(wantedSubZone) || wantedSubZone === subZone)
  );
}

/** 0 for the same sub-zone, 1 for the same zone, 2 for the same region, 3 elsewhere; 4 when failover names another region. */
export function localityLevel(to: Locality, { own, failover = [] }: LocalitySettings): number {
  if (to.region === own.region) {
    if (to.zone !== own.zone) return 2;
    return to.subZone === own.subZone ? 0 : 1;
  }
  const rule = failover.find(({ from }) => from === own.region);
  return rule === undefined || rule.to === to.region ? 3 : 4;
}

/** Endpoints that are drawn from together. */
export interface Group<M> {
  /** 0 and up without gaps. */
  readonly level: number;
  /** The share of what the level gets, relative to the level's other groups. */
  readonly weight: number;
  readonly members: readonly M[];
}

/** Sorts endpoints into groups, the best level first. Some are in none when `distribute` leaves them out. */
export function groupByLocality<M extends { readonly endpoint: Located }>(
  members: readonly M[],
  settings: LocalitySettings | undefined,
  hasOutlierDetection: boolean,
): readonly Group<M>[] {
  const { own = NOWHERE, distribute = [] } = settings ?? {};
  const rule = distribute.find(({ from }) => fits(own, from));
  if (rule !== undefined) return withoutGaps(distributed(members, rule));
  const isPreferring = hasOutlierDetection && settings !== undefined && distribute.length === 0;
  const byLevel = new Map<number, M[]>();
  for (const member of members) {
    const { locality = NOWHERE, priority = 0 } = member.endpoint;
    const level = priority * LOCALITY_LEVELS + (isPreferring ? localityLevel(locality, settings) : 0);
    append(byLevel, level, member);
  }
  return withoutGaps([...byLevel].map(([level, group]) => ({ level, weight: 1, members: group })));
}

/** A pattern's percentage is divided among the localities that fit it by the weight of their endpoints. */
function distributed<M extends { readonly endpoint: Located }>(
  members: readonly M[],
  { to }: Distribution,
): Group<M>[] {
  const byPlace = new Map<string, M[]>();
  for (const member of members) {
    const { locality = NOWHERE, priority = 0 } = member.endpoint;
    append(byPlace, JSON.stringify([locality.region, locality.zone, locality.subZone, priority]), member);
  }
  const groups: Group<M>[] = [];
  const left = new Set(byPlace.values());
  for (const [pattern, percent] of Object.entries(to)) {
    const fitting = [...left].filter(([first]) => fits(first?.endpoint.locality ?? NOWHERE, pattern));
    const total = fitting.reduce((sum, group) => sum + weightOf(group), 0);
    for (const group of fitting) {
      left.delete(group);
      if (percent <= 0) continue;
      const level = group[0]?.endpoint.priority ?? 0;
      groups.push({ level, weight: (percent * weightOf(group)) / total, members: group });
    }
  }
  return groups;
}

function weightOf(members: readonly { readonly endpoint: Located }[]): number {
  return members.reduce((sum, { endpoint }) => sum + Math.max(1, endpoint.weight), 0);
}

function withoutGaps<M>(groups: readonly Group<M>[]): readonly Group<M>[] {
  const levels = [...new Set(groups.map(({ level }) => level))].sort((a, b) => a - b);
  return groups.map((group) => ({ ...group, level: levels.indexOf(group.level) })).sort((a, b) => a.level - b.level);
}

function append<K, M>(groups: Map<K, M[]>, key: K, member: M): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [member]);
  else group.push(member);
}

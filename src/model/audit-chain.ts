import { AUDIT_GENESIS, AUDIT_TRIMMED, type AuditEntry, type AuditHead, auditText, trimDetail } from "./audit-entry.ts";

/** One way in which a log is not as it was written. Ranges are inclusive. */
export type AuditFault =
  /** Its content does not make its hash. */
  | { readonly kind: "changed"; readonly sequence: number }
  | { readonly kind: "missing"; readonly from: number; readonly to: number }
  /** A second one of that number. */
  | { readonly kind: "repeated"; readonly sequence: number }
  /** Whole, but written as another number: entries were exchanged, or one was put in or taken out before them. */
  | { readonly kind: "moved"; readonly from: number; readonly to: number; readonly writtenAs: number }
  /** Whole, but written after another entry than the one that stands before it. */
  | { readonly kind: "unlinked"; readonly sequence: number }
  /** The log begins here, and no entry says that those before were let go. */
  | { readonly kind: "start-cut"; readonly sequence: number }
  /** More was let go than the log's bound asks for. */
  | { readonly kind: "trimmed-early"; readonly sequence: number }
  /** The log ends before the head that is known of it, or that one is another. */
  | { readonly kind: "head-differs"; readonly head: AuditHead };

export interface AuditCheck {
  /** The digest of `auditText`. */
  readonly hash: (text: string) => string;
  /** Heads that the log must hold: the server's own, and those that were kept elsewhere. */
  readonly heads: readonly AuditHead[];
  /** A part of a log may begin anywhere. */
  readonly isPart: boolean;
  /** How many entries are held at least before any are let go. */
  readonly keptMin: number;
}

/** Everything that is wrong with entries in the order in which they stand, the oldest first. Empty when they are as written. */
export function checkAuditChain(entries: readonly AuditEntry[], check: AuditCheck): readonly AuditFault[] {
  const origins = originsOf(entries, check.hash);
  const faults: AuditFault[] = [];
  let before: AuditEntry | undefined;
  for (const entry of entries) {
    const own = contentFault(entry, origins, check) ?? placeFaultOf(before, entry, origins);
    if (own !== undefined) add(faults, own);
    before = entry;
  }
  return [...startFaults(entries, check), ...faults, ...headFaults(entries, check.heads)];
}

/** Where an entry stood when it was written. */
interface Origin {
  readonly writtenAs: number;
  /** It follows an entry that is held. */
  readonly isLinked: boolean;
}

type Origins = ReadonlyMap<AuditEntry, Origin>;

/** Entries that were taken out one by one are looked for up to so many. */
const SHIFT_MAX = 64;

/** Follows the hashes from the beginning, and then from each entry that follows none that is held. */
function originsOf(entries: readonly AuditEntry[], hash: AuditCheck["hash"]): Origins {
  const followers = Map.groupBy(entries, ({ previousHash }) => previousHash);
  const origins = new Map<AuditEntry, Origin>();
  const follow = (from: AuditEntry, writtenAs: number): void => {
    origins.set(from, { writtenAs, isLinked: false });
    let next = [from];
    for (let place = writtenAs + 1; next.length > 0; place++) {
      next = next.flatMap((each) => followers.get(each.hash) ?? []).filter((each) => !origins.has(each));
      for (const each of next) origins.set(each, { writtenAs: place, isLinked: true });
    }
  };
  const hashes = new Set(entries.map((each) => each.hash));
  for (const entry of entries) {
    if (!hashes.has(entry.previousHash)) follow(entry, writtenPlace(entry, hash));
  }
  return origins;
}

/** The number for which an entry's content makes its hash; its own where none does. */
function writtenPlace(entry: AuditEntry, hash: AuditCheck["hash"]): number {
  const { sequence } = entry;
  for (let shift = 0; shift <= SHIFT_MAX; shift++) {
    for (const place of [sequence + shift, sequence - shift]) {
      if (hash(auditText({ ...entry, sequence: place })) === entry.hash) return place;
    }
  }
  return sequence;
}

function contentFault(entry: AuditEntry, origins: Origins, { hash }: AuditCheck): AuditFault | undefined {
  const { sequence } = entry;
  if (hash(auditText(entry)) === entry.hash) return undefined;
  const writtenAs = origins.get(entry)?.writtenAs;
  if (writtenAs === undefined || hash(auditText({ ...entry, sequence: writtenAs })) !== entry.hash)
    return { kind: "changed", sequence };
  return { kind: "moved", from: sequence, to: sequence, writtenAs };
}

function placeFaultOf(before: AuditEntry | undefined, entry: AuditEntry, origins: Origins): AuditFault | undefined {
  if (before === undefined) return undefined;
  const { sequence } = entry;
  if (sequence === before.sequence) return { kind: "repeated", sequence };
  if (sequence < before.sequence) return { kind: "moved", from: sequence, to: sequence, writtenAs: sequence };
  if (sequence > before.sequence + 1) return { kind: "missing", from: before.sequence + 1, to: sequence - 1 };
  const { writtenAs, isLinked } = origins.get(entry) ?? { writtenAs: 0, isLinked: false };
  return isLinked && writtenAs === sequence ? undefined : { kind: "unlinked", sequence };
}

/** Neighbours that moved alike are told as one. */
function add(faults: AuditFault[], fault: AuditFault): void {
  const last = faults.at(-1);
  const isGoingOn =
    last?.kind === "moved" &&
    fault.kind === "moved" &&
    fault.from === last.to + 1 &&
    fault.writtenAs - fault.from === last.writtenAs - last.from;
  if (isGoingOn) faults[faults.length - 1] = { ...last, to: fault.to };
  else faults.push(fault);
}

/** A log that begins later than with 1 holds the entry that says so, and enough after what was let go. */
function startFaults(entries: readonly AuditEntry[], { isPart, keptMin }: AuditCheck): readonly AuditFault[] {
  const [first] = entries;
  if (first === undefined || isPart) return [];
  const { sequence, previousHash } = first;
  if (sequence === 1 && previousHash === AUDIT_GENESIS) return [];
  const detail = trimDetail({ sequence: sequence - 1, hash: previousHash });
  const trim = entries.find((each) => each.action === AUDIT_TRIMMED && each.detail === detail);
  if (trim === undefined) return [{ kind: "start-cut", sequence }];
  return trim.sequence - sequence < keptMin ? [{ kind: "trimmed-early", sequence: trim.sequence }] : [];
}

function headFaults(entries: readonly AuditEntry[], heads: readonly AuditHead[]): readonly AuditFault[] {
  return heads
    .filter((head) => head.sequence > 0)
    .filter((head) => !entries.some(({ sequence, hash }) => sequence === head.sequence && hash === head.hash))
    .map((head) => ({ kind: "head-differs", head }));
}

/** For people. */
export function describeAuditFault(fault: AuditFault): string {
  switch (fault.kind) {
    case "changed":
      return `entry ${fault.sequence} was changed: its content does not make its hash`;
    case "missing":
      return `${range(fault.from, fault.to)} removed`;
    case "repeated":
      return `entry ${fault.sequence} is there twice: one was inserted`;
    case "moved":
      return movedText(fault);
    case "unlinked":
      return `entry ${fault.sequence} was not written after entry ${fault.sequence - 1} as it stands: that one was replaced`;
    case "start-cut":
      return `the log begins with entry ${fault.sequence}, and nothing says that those before were let go: they were removed`;
    case "trimmed-early":
      return `entry ${fault.sequence} says that entries were let go, although too few were held for that`;
    case "head-differs":
      return `the log does not hold the head ${fault.head.sequence}:${fault.head.hash}: its end was removed, or it was written anew`;
  }
}

function range(from: number, to: number): string {
  return from === to ? `entry ${from} was` : `entries ${from} to ${to} were`;
}

function movedText({ from, to, writtenAs }: Extract<AuditFault, { kind: "moved" }>): string {
  if (writtenAs === from) return `entry ${from} stands after a later one: entries were reordered`;
  const shift = writtenAs - from;
  if (from === to) return `entry ${from} was written as entry ${writtenAs}: entries were reordered`;
  const cause = shift < 0 ? "inserted" : "removed";
  return `entries ${from} to ${to} were written as ${writtenAs} to ${to + shift}: ${Math.abs(shift)} ${cause} before them`;
}

import { REVOCATIONS_MAX, type Revocation } from "#identity";
import { failure, problem, type Result, success } from "#model";

/**
 * One thing that happened to the authority. The journal is the truth: what holds now is what its events, in order, lead to.
 * Certificates are PEM; keys are never in it.
 */
export type AuthorityEvent =
  | { readonly event: "founded"; readonly atMs: number; readonly trustDomain: string; readonly root: string }
  | { readonly event: "root-prepared"; readonly atMs: number; readonly root: string; readonly certificate: string }
  | {
      readonly event: "prepared";
      readonly atMs: number;
      readonly authority: string;
      readonly certificate: string;
      /** The root that signed it; absent for the first. */
      readonly root?: string;
    }
  | { readonly event: "activated"; readonly atMs: number; readonly authority: string }
  | { readonly event: "removed"; readonly atMs: number; readonly authority: string }
  | { readonly event: "root-removed"; readonly atMs: number; readonly root: string }
  | { readonly event: "revoked"; readonly atMs: number; readonly revocation: Revocation }
  /** `publicKeyInfo` is DER in base64. */
  | { readonly event: "jwt-prepared"; readonly atMs: number; readonly key: string; readonly publicKeyInfo: string }
  | { readonly event: "jwt-activated"; readonly atMs: number; readonly key: string }
  | { readonly event: "jwt-removed"; readonly atMs: number; readonly key: string };

/**
 * Life of an issuing key: `prepared` is in the bundle so that peers learn it but signs nothing yet; `active` signs, one at a
 * time; `old` signs no more but stays in the bundle until the last SVID that it signed has expired. Then it is removed. A root has the
 * status of the issuing keys below it.
 */
export type SlotStatus = "prepared" | "active" | "old";

export interface AuthoritySlot {
  readonly id: string;
  readonly status: SlotStatus;
  /** Id of the root that signed it. */
  readonly root: string;
  /** PEM. */
  readonly certificate: string;
  /** When it came into this status, milliseconds since the epoch. */
  readonly sinceMs: number;
}

export interface RootSlot {
  readonly id: string;
  /** PEM. */
  readonly certificate: string;
  readonly sinceMs: number;
}

/** A key for JWT-SVIDs. Published in every status. */
export interface JwtKeySlot {
  readonly id: string;
  readonly status: SlotStatus;
  /** SubjectPublicKeyInfo, DER, base64. */
  readonly publicKeyInfo: string;
  readonly sinceMs: number;
}

/** What the journal leads to. */
export interface AuthorityState {
  readonly trustDomain: string;
  /** In the order in which they came. */
  readonly roots: readonly RootSlot[];
  readonly slots: readonly AuthoritySlot[];
  readonly revocations: readonly Revocation[];
  readonly jwtKeys: readonly JwtKeySlot[];
  /** Sequence of the bundle: grows whenever its content changes. */
  readonly sequence: number;
}

/** Id of the root that a domain was founded with. */
export const FIRST_ROOT = "root";

/** What the state becomes by one more event; undefined when the event may not happen in this state. */
export function advance(state: AuthorityState | undefined, event: AuthorityEvent): AuthorityState | undefined {
  if (event.event === "founded") return state === undefined ? founded(event) : undefined;
  if (state === undefined) return undefined;
  const changed = changeBy(state, event);
  return changed === undefined ? undefined : { ...state, ...changed, sequence: state.sequence + 1 };
}

type Event<K extends AuthorityEvent["event"]> = Extract<AuthorityEvent, { event: K }>;

function founded({ trustDomain, root, atMs }: Event<"founded">): AuthorityState {
  const first = { id: FIRST_ROOT, certificate: root, sinceMs: atMs };
  return { trustDomain, roots: [first], slots: [], revocations: [], jwtKeys: [], sequence: 1 };
}

function changeBy(
  state: AuthorityState,
  event: Exclude<AuthorityEvent, { event: "founded" }>,
): Partial<AuthorityState> | undefined {
  switch (event.event) {
    case "root-prepared":
      return rootPrepared(state, event);
    case "prepared":
      return prepared(state, event);
    case "activated":
      return changed("slots", activated(state.slots, event.authority, event.atMs));
    case "removed":
      return changed("slots", removed(state.slots, event.authority));
    case "root-removed":
      return rootRemoved(state, event);
    case "revoked":
      return { revocations: withRevocation(state.revocations, event) };
    case "jwt-prepared":
      return jwtPrepared(state.jwtKeys, event);
    case "jwt-activated":
      return changed("jwtKeys", activated(state.jwtKeys, event.key, event.atMs));
    case "jwt-removed":
      return changed("jwtKeys", removed(state.jwtKeys, event.key));
  }
}

function changed<K extends "slots" | "jwtKeys">(
  part: K,
  value: AuthorityState[K] | undefined,
): Partial<AuthorityState> | undefined {
  return value === undefined ? undefined : { [part]: value };
}

function jwtPrepared(keys: readonly JwtKeySlot[], event: Event<"jwt-prepared">): Partial<AuthorityState> | undefined {
  const { key: id, publicKeyInfo, atMs } = event;
  if (keys.some((each) => each.id === id)) return undefined;
  return { jwtKeys: [...keys, { id, status: "prepared", publicKeyInfo, sinceMs: atMs }] };
}

function rootPrepared({ roots }: AuthorityState, event: Event<"root-prepared">): Partial<AuthorityState> | undefined {
  const { root: id, certificate, atMs } = event;
  if (roots.some((each) => each.id === id)) return undefined;
  return { roots: [...roots, { id, certificate, sinceMs: atMs }] };
}

function prepared({ roots, slots }: AuthorityState, event: Event<"prepared">): Partial<AuthorityState> | undefined {
  const { authority: id, certificate, root = FIRST_ROOT, atMs } = event;
  if (slots.some((each) => each.id === id) || !roots.some((each) => each.id === root)) return undefined;
  return { slots: [...slots, { id, status: "prepared", root, certificate, sinceMs: atMs }] };
}

interface Slot {
  readonly id: string;
  readonly status: SlotStatus;
  readonly sinceMs: number;
}

function activated<S extends Slot>(slots: readonly S[], id: string, atMs: number): readonly S[] | undefined {
  if (slots.find((each) => each.id === id)?.status !== "prepared") return undefined;
  return slots.map((each) => {
    if (each.id === id) return { ...each, status: "active", sinceMs: atMs };
    return each.status === "active" ? { ...each, status: "old", sinceMs: atMs } : each;
  });
}

function removed<S extends Slot>(slots: readonly S[], id: string): readonly S[] | undefined {
  const slot = slots.find((each) => each.id === id);
  if (slot === undefined || slot.status === "active") return undefined;
  return slots.filter((each) => each !== slot);
}

/** A root goes after the issuing keys below it. */
function rootRemoved(
  { roots, slots }: AuthorityState,
  event: Event<"root-removed">,
): Partial<AuthorityState> | undefined {
  const isHeld = roots.some((each) => each.id === event.root);
  if (!isHeld || slots.some((each) => each.root === event.root)) return undefined;
  return { roots: roots.filter((each) => each.id !== event.root) };
}

/**
 * Without those that speak of what has expired, or of the same. Of too many, the oldest goes of the namespace that has the most: who may
 * revoke in one namespace cannot push out what others revoked.
 */
function withRevocation(
  revocations: readonly Revocation[],
  { revocation, atMs }: Event<"revoked">,
): readonly Revocation[] {
  const still = revocations.filter((each) => each.expiresAtMs > atMs && targetOf(each) !== targetOf(revocation));
  const next = [...still, revocation];
  if (next.length <= REVOCATIONS_MAX) return next;
  const crowds = [...Map.groupBy(next, crowdOf).values()];
  const largest = crowds.reduce((most, each) => (each.length > most.length ? each : most));
  return next.filter((each) => each !== largest[0]);
}

function targetOf(revocation: Revocation): string {
  return revocation.kind === "identity" ? revocation.spiffeId : revocation.serial;
}

/** Identities by what stands before their last segment; certificates, of which only those can be revoked that were issued, are one crowd. */
function crowdOf(revocation: Revocation): string {
  return revocation.kind === "identity" ? revocation.spiffeId.slice(0, revocation.spiffeId.lastIndexOf("/")) : "";
}

/** Whether a revocation that is in force says all that this one would. */
export function isSaid(revocations: readonly Revocation[], next: Revocation): boolean {
  return revocations.some((each) => {
    if (targetOf(each) !== targetOf(next) || each.expiresAtMs < next.expiresAtMs) return false;
    if (each.kind === "certificate" || next.kind === "certificate") return each.kind === next.kind;
    return each.notBeforeUntilMs >= next.notBeforeUntilMs;
  });
}

/** One line of the journal. */
export function encodeEvent(event: AuthorityEvent): string {
  return `${JSON.stringify(event)}\n`;
}

/** A journal as read: its events, one a line, and what they lead to. */
export interface Journal {
  readonly text: string;
  /** Undefined before the first event. */
  readonly state: AuthorityState | undefined;
}

/**
 * Reads a journal. A last line without its end was cut off before anything relied on it and is left out.
 * Fails with `HDL_AUTHORITY_JOURNAL_CORRUPT` on anything else that does not follow from what is before it.
 */
export function readJournal(stored: string): Result<Journal> {
  const text = stored.slice(0, stored.lastIndexOf("\n") + 1);
  let state: AuthorityState | undefined;
  for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
    const event = parseEvent(line);
    const next = event === undefined ? undefined : advance(state, event);
    if (next === undefined)
      return failure(
        problem("HDL_AUTHORITY_JOURNAL_CORRUPT", `Line ${index + 1} of the authority's journal is wrong.`),
      );
    state = next;
  }
  return success({ text, state });
}

function parseEvent(line: string): AuthorityEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const FIELDS = {
  founded: ["trustDomain", "root"],
  "root-prepared": ["root", "certificate"],
  prepared: ["authority", "certificate"],
  activated: ["authority"],
  removed: ["authority"],
  "root-removed": ["root"],
  revoked: [],
  "jwt-prepared": ["key", "publicKeyInfo"],
  "jwt-activated": ["key"],
  "jwt-removed": ["key"],
} as const satisfies Record<AuthorityEvent["event"], readonly string[]>;

function isEvent(value: unknown): value is AuthorityEvent {
  const fields = fieldsOf(value);
  const kind = fields.get("event");
  if (typeof kind !== "string" || !Object.hasOwn(FIELDS, kind) || typeof fields.get("atMs") !== "number") return false;
  if (kind === "revoked" && !isRevocation(fields.get("revocation"))) return false;
  return FIELDS[kind as AuthorityEvent["event"]].every((field) => typeof fields.get(field) === "string");
}

function isRevocation(value: unknown): value is Revocation {
  const fields = fieldsOf(value);
  if (typeof fields.get("expiresAtMs") !== "number") return false;
  if (fields.get("kind") === "certificate") return typeof fields.get("serial") === "string";
  const isIdentity = fields.get("kind") === "identity" && typeof fields.get("spiffeId") === "string";
  return isIdentity && typeof fields.get("notBeforeUntilMs") === "number";
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

import { failure, problem, type Result, success } from "#model";

/**
 * One thing that happened to the authority. The journal is the truth: what holds now is what its events, in order, lead to.
 * Certificates are PEM; keys are never in it.
 */
export type AuthorityEvent =
  | { readonly event: "founded"; readonly atMs: number; readonly trustDomain: string; readonly root: string }
  | { readonly event: "prepared"; readonly atMs: number; readonly authority: string; readonly certificate: string }
  | { readonly event: "activated"; readonly atMs: number; readonly authority: string }
  | { readonly event: "removed"; readonly atMs: number; readonly authority: string };

/**
 * Life of an issuing key: `prepared` is in the bundle so that peers learn it but signs nothing yet; `active` signs, one at a
 * time; `old` signs no more but stays in the bundle until the last SVID that it signed has expired. Then it is removed.
 */
export type SlotStatus = "prepared" | "active" | "old";

export interface AuthoritySlot {
  readonly id: string;
  readonly status: SlotStatus;
  /** PEM. */
  readonly certificate: string;
  /** When it came into this status, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** What the journal leads to. */
export interface AuthorityState {
  readonly trustDomain: string;
  /** PEM of the root's certificate. */
  readonly root: string;
  readonly slots: readonly AuthoritySlot[];
  /** Sequence of the bundle: grows whenever its content changes. */
  readonly sequence: number;
}

/** What the state becomes by one more event; undefined when the event may not happen in this state. */
export function advance(state: AuthorityState | undefined, event: AuthorityEvent): AuthorityState | undefined {
  if (event.event === "founded") {
    if (state !== undefined) return undefined;
    return { trustDomain: event.trustDomain, root: event.root, slots: [], sequence: 1 };
  }
  if (state === undefined) return undefined;
  const slot = state.slots.find((each) => each.id === event.authority);
  switch (event.event) {
    case "prepared": {
      if (slot !== undefined) return undefined;
      const added = {
        id: event.authority,
        status: "prepared",
        certificate: event.certificate,
        sinceMs: event.atMs,
      } as const;
      return { ...state, slots: [...state.slots, added], sequence: state.sequence + 1 };
    }
    case "activated":
      return slot?.status === "prepared" ? { ...state, slots: activated(state.slots, event) } : undefined;
    case "removed":
      if (slot === undefined || slot.status === "active") return undefined;
      return { ...state, slots: state.slots.filter((each) => each !== slot), sequence: state.sequence + 1 };
  }
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

function activated(
  slots: readonly AuthoritySlot[],
  event: { authority: string; atMs: number },
): readonly AuthoritySlot[] {
  return slots.map((each) => {
    if (each.id === event.authority) return { ...each, status: "active", sinceMs: event.atMs };
    return each.status === "active" ? { ...each, status: "old", sinceMs: event.atMs } : each;
  });
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
  prepared: ["authority", "certificate"],
  activated: ["authority"],
  removed: ["authority"],
} as const satisfies Record<AuthorityEvent["event"], readonly string[]>;

function isEvent(value: unknown): value is AuthorityEvent {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const kind = fields.get("event");
  if (typeof kind !== "string" || !Object.hasOwn(FIELDS, kind) || typeof fields.get("atMs") !== "number") return false;
  return FIELDS[kind as AuthorityEvent["event"]].every((field) => typeof fields.get(field) === "string");
}

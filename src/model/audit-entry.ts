/** Something that was done to the mesh, or refused. */
export interface AuditLine {
  readonly atMs: number;
  readonly actor: string;
  readonly action: string;
  /** Never holds a secret. */
  readonly detail: string;
  /** Whom it concerns, each once and in order; `""` and none at all are the whole mesh. */
  readonly namespaces: readonly string[];
}

/** A line in its place: changing, removing or moving one breaks the chain of hashes after it. */
export interface AuditEntry extends AuditLine {
  /** Counts from 1, without gaps. */
  readonly sequence: number;
  /** Hash of the entry before; `AUDIT_GENESIS` for the first. */
  readonly previousHash: string;
  /** SHA-256 of `auditText`, lower-case hexadecimal. */
  readonly hash: string;
}

/** The newest entry's place and hash: whoever keeps it elsewhere can tell later that nothing up to it was changed. */
export interface AuditHead {
  readonly sequence: number;
  readonly hash: string;
}

/** So many entries are held at least before the oldest are let go. */
export const AUDIT_KEPT_MIN = 50_000;
/** What the first entry follows. */
export const AUDIT_GENESIS = "0".repeat(64);
export const AUDIT_TRIMMED = "audit-trimmed";

/**
 * The canonical form of an entry, over which its hash is made: the entry without `hash`, in the JSON of RFC 8785 (members in order
 * of their names, no white space), as UTF-8.
 */
export function auditText(entry: Omit<AuditEntry, "hash">): string {
  const { action, actor, atMs, detail, namespaces, previousHash, sequence } = entry;
  return JSON.stringify({ action, actor, atMs, detail, namespaces, previousHash, sequence });
}

/** Detail of the entry that says which entries are held no more, and what the last of them hashed to. */
export function trimDetail(last: AuditHead): string {
  return `entries up to ${last.sequence} were let go; the last hashed to ${last.hash}`;
}

/** `sequence:hash`, the form in which a head is printed and kept. */
export function formatAuditHead({ sequence, hash }: AuditHead): string {
  return `${sequence}:${hash}`;
}

/** Undefined for a text that is no head. */
export function parseAuditHead(text: string): AuditHead | undefined {
  const [, sequence, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  return sequence === undefined || hash === undefined ? undefined : { sequence: Number(sequence), hash };
}

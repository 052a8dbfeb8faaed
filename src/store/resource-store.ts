import type { Random } from "#engine/random";
import { type SqliteDatabase, sqliteProblem } from "#engine/sqlite";
import type { Cancel, Clock } from "#engine/time";
import {
  AUDIT_KEPT_MIN,
  type AuditEntry,
  type AuditLine,
  failure,
  type Resource,
  type ResourceRef,
  type Result,
  success,
} from "#model";
import { AuditLog } from "./audit-log.ts";
import { type ChangeAction, type PlannedChange, planApply, planDelete, refKey, refOf } from "./plan-change.ts";
import { CHANGES_MAX, SCHEMA } from "./schema.ts";

/** One change of one resource, as history keeps it. */
export interface Change {
  readonly revision: number;
  readonly atMs: number;
  readonly actor: string;
  readonly action: Exclude<ChangeAction, "unchanged">;
  readonly ref: ResourceRef;
  readonly before: Resource | undefined;
  readonly after: Resource | undefined;
}

export interface Applied {
  /** The store's revision afterwards. Unchanged when nothing changed. */
  readonly revision: number;
  readonly changes: readonly PlannedChange[];
}

export interface ApplyOptions {
  /** Who asks, for history and audit. */
  readonly actor: string;
  /** Only says what would change. Default false. */
  readonly isDryRun?: boolean;
}

export interface ChangeQuery {
  readonly ref?: ResourceRef;
  readonly sinceMs?: number;
  readonly afterRevision?: number;
  readonly limit: number;
}

export interface ResourceStoreOptions {
  readonly database: SqliteDatabase;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
  /** Hears of each audit entry once it is stored, in order. */
  readonly onAudit?: (entry: AuditEntry) => void;
  /** How many audit entries are held before the oldest are let go. */
  readonly auditKeptMin?: number;
}

interface ChangeRow {
  readonly revision: number;
  readonly kind: Resource["kind"];
  readonly namespace: string;
  readonly name: string;
  readonly action: Change["action"];
  readonly at_ms: number;
  readonly actor: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** A line names so many resources; history has them all. */
const NAMED_MAX = 10;

function auditOf(
  changes: readonly PlannedChange[],
  revision: number,
): Pick<AuditLine, "action" | "detail" | "namespaces"> {
  const isDeletion = changes.every(({ action }) => action === "deleted");
  const named = changes.slice(0, NAMED_MAX).map(({ ref: { kind, namespace, name }, action }) => {
    const place = namespace === "" ? name : `${namespace}/${name}`;
    return isDeletion ? `${kind} ${place}` : `${kind} ${place} ${action}`;
  });
  const more = changes.length > NAMED_MAX ? ` and ${changes.length - NAMED_MAX} more` : "";
  const detail = `revision ${revision}: ${named.join(", ")}${more}`;
  const namespaces = [...new Set(changes.map(({ ref }) => ref.namespace))].sort();
  return { action: isDeletion ? "deleted" : "applied", detail, namespaces };
}

function resourceOf(text: string | null): Resource | undefined {
  return text === null ? undefined : (JSON.parse(text) as Resource);
}

/** The resources of the mesh: numbered revisions, one for each step however many resources it changed, with history and audit. */
export class ResourceStore {
  readonly auditLog: AuditLog;
  readonly #options: ResourceStoreOptions;
  readonly #held = new Map<string, Resource>();
  readonly #listeners = new Set<() => void>();
  #all: readonly Resource[] = [];
  #revision = 0;

  constructor(options: ResourceStoreOptions) {
    this.#options = options;
    this.auditLog = new AuditLog(options.database, options.auditKeptMin ?? AUDIT_KEPT_MIN);
  }

  /** Makes what is missing of the tables and reads the resources. */
  open(): Result<void> {
    return this.#guard("opening the store", () => {
      const { database } = this.#options;
      database.exec(SCHEMA);
      this.auditLog.open(this.#options.clock.nowMs());
      for (const row of database.query("SELECT body FROM resource").all() as { body: string }[]) {
        const resource = JSON.parse(row.body) as Resource;
        this.#held.set(refKey(refOf(resource)), resource);
      }
      const [last] = database.query("SELECT MAX(revision) AS revision FROM change").all() as {
        revision: number | null;
      }[];
      this.#revision = last?.revision ?? 0;
      this.#all = this.#inOrder();
    });
  }

  get revision(): number {
    return this.#revision;
  }

  /** The same array until something changes. */
  resources(): readonly Resource[] {
    return this.#all;
  }

  get(ref: ResourceRef): Resource | undefined {
    return this.#held.get(refKey(ref));
  }

  /** Calls after each step that changed something. */
  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Creates and updates, all or nothing, as one revision. */
  apply(resources: readonly Resource[], options: ApplyOptions): Result<Applied> {
    const { clock, random } = this.#options;
    const uid = (): string => Array.from(random.bytes(16), (each) => each.toString(16).padStart(2, "0")).join("");
    const planned = planApply(resources, this.#held, { revision: this.#revision + 1, nowMs: clock.nowMs(), uid });
    return planned.ok ? this.#carryOut(planned.value, options) : planned;
  }

  /** Deletes all or nothing, as one revision. */
  delete(refs: readonly ResourceRef[], options: ApplyOptions): Result<Applied> {
    const planned = planDelete(refs, this.#held);
    return planned.ok ? this.#carryOut(planned.value, options) : planned;
  }

  /** Changes, the newest first; those after a revision, the oldest first: what a watcher has missed. */
  changes(query: ChangeQuery): Result<readonly Change[]> {
    const { ref, sinceMs = 0, afterRevision, limit } = query;
    const isWatch = afterRevision !== undefined;
    return this.#guard("reading history", () => {
      const rows = this.#options.database
        .query(
          `SELECT * FROM change WHERE at_ms >= ? AND revision > ? AND (? IS NULL OR (kind = ? AND namespace = ? AND name = ?))
           ORDER BY revision ${isWatch ? "ASC" : "DESC"}, kind, namespace, name LIMIT ?`,
        )
        .all(
          sinceMs,
          afterRevision ?? 0,
          ref?.kind ?? null,
          ref?.kind ?? null,
          ref?.namespace ?? null,
          ref?.name ?? null,
          limit,
        );
      return (rows as ChangeRow[]).map(({ revision, at_ms, actor, action, before, after, ...named }) => ({
        revision,
        atMs: at_ms,
        actor,
        action,
        ref: { kind: named.kind, namespace: named.namespace, name: named.name },
        before: resourceOf(before),
        after: resourceOf(after),
      }));
    });
  }

  /** What else is to be in the audit log than changes of resources, which are there by themselves. */
  audit(line: AuditLine): Result<void> {
    return this.#told(
      this.#guard("writing the audit log", () =>
        this.#options.database.transaction(() => this.auditLog.append(line))(),
      ),
    );
  }

  #carryOut(planned: readonly PlannedChange[], { actor, isDryRun }: ApplyOptions): Result<Applied> {
    const real = planned.filter(({ action }) => action !== "unchanged");
    if (isDryRun === true || real.length === 0) return success({ revision: this.#revision, changes: planned });
    const revision = this.#revision + 1;
    const written = this.#told(this.#guard("saving resources", () => this.#write(real, revision, actor)));
    if (!written.ok) return written;
    for (const { ref, after } of real) {
      if (after === undefined) this.#held.delete(refKey(ref));
      else this.#held.set(refKey(ref), after);
    }
    this.#revision = revision;
    this.#all = this.#inOrder();
    for (const listener of this.#listeners) listener();
    return success({ revision, changes: planned });
  }

  /** What was written with a transaction that failed is told to nobody. */
  #told(written: Result<void>): Result<void> {
    const fresh = this.auditLog.takeFresh();
    if (written.ok) for (const entry of fresh) this.#options.onAudit?.(entry);
    return written;
  }

  /** By kind, namespace and name, so that a restart changes nothing that anybody sees. */
  #inOrder(): readonly Resource[] {
    return [...this.#held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, resource]) => resource);
  }

  #write(changes: readonly PlannedChange[], revision: number, actor: string): void {
    const { database, clock } = this.#options;
    const nowMs = clock.nowMs();
    const text = (each: Resource | undefined): string | null => (each === undefined ? null : JSON.stringify(each));
    database.transaction(() => {
      for (const { ref, action, before, after } of changes) {
        const { kind, namespace, name } = ref;
        if (after === undefined) {
          database
            .query("DELETE FROM resource WHERE kind = ? AND namespace = ? AND name = ?")
            .run(kind, namespace, name);
        } else {
          const put = "INSERT OR REPLACE INTO resource (kind, namespace, name, body) VALUES (?, ?, ?, ?)";
          database.query(put).run(kind, namespace, name, text(after));
        }
        database
          .query("INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
          .run(revision, kind, namespace, name, action, nowMs, actor, text(before), text(after));
      }
      // The newest revision stays whatever its size: it carries the number that the next one follows.
      const excess = "SELECT revision FROM change ORDER BY revision DESC LIMIT 1 OFFSET ?";
      database.query(`DELETE FROM change WHERE revision <= (${excess}) AND revision < ?`).run(CHANGES_MAX, revision);
      this.auditLog.append({ atMs: nowMs, actor, ...auditOf(changes, revision) });
    })();
  }

  #guard<T>(what: string, step: () => T): Result<T> {
    try {
      return success(step());
    } catch (cause) {
      return failure(sqliteProblem(what, cause));
    }
  }
}

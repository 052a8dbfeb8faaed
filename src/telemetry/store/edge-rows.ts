import type { SqliteDatabase } from "#engine/sqlite";
import { type EdgeKey, type EndReason, isEndReason } from "#telemetry";

/** Edges by number, cached: they are few and never change. */
export class EdgeRows {
  readonly #database: SqliteDatabase;
  readonly #idByText = new Map<string, number>();
  readonly #keyById = new Map<number, EdgeKey>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  id(key: EdgeKey): number {
    const text = JSON.stringify(key);
    const cached = this.#idByText.get(text);
    if (cached !== undefined) return cached;
    this.#database.query("INSERT INTO edge (key) VALUES (?) ON CONFLICT DO NOTHING").run(text);
    const row = this.#database.query("SELECT id FROM edge WHERE key = ?").get(text) as { readonly id: number };
    this.#idByText.set(text, row.id);
    this.#keyById.set(row.id, key);
    return row.id;
  }

  key(id: number): EdgeKey | undefined {
    const cached = this.#keyById.get(id);
    if (cached !== undefined) return cached;
    const row = this.#database.query("SELECT key FROM edge WHERE id = ?").get(id) as { readonly key: string } | null;
    if (row === null) return undefined;
    const key = JSON.parse(row.key) as EdgeKey;
    this.#keyById.set(id, key);
    return key;
  }

  reason(text: string): EndReason {
    return isEndReason(text) ? text : "internal-error";
  }

  /** Numbers learned in a transaction that was undone are no longer good. */
  forget(): void {
    this.#idByText.clear();
    this.#keyById.clear();
  }
}

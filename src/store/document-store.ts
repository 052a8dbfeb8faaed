import { type SqliteDatabase, sqliteProblem } from "#engine/sqlite";
import { failure, type Result, success } from "#model";
import { SCHEMA } from "./schema.ts";

/** Small documents of the server's own (join tokens, the registry) by collection and id. A document is what JSON can hold. */
export class DocumentStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async open(): Promise<Result<void>> {
    return this.#guard("opening documents", () => {
      this.#database.exec(SCHEMA);
    });
  }

  async put(collection: string, id: string, document: unknown): Promise<Result<void>> {
    return this.#guard("saving a document", () => {
      const put = "INSERT OR REPLACE INTO document (collection, id, body) VALUES (?, ?, ?)";
      this.#database.query(put).run(collection, id, JSON.stringify(document));
    });
  }

  /** Undefined when there is none. */
  async get(collection: string, id: string): Promise<Result<unknown>> {
    return this.#guard("reading a document", () => this.#read(collection, id));
  }

  /** Removes and returns it in one transaction, so that of any number of callers one gets it. */
  async take(collection: string, id: string): Promise<Result<unknown>> {
    return this.#guard("taking a document", () => {
      let taken: unknown;
      this.#database.transaction(() => {
        taken = this.#read(collection, id);
        this.#database.query("DELETE FROM document WHERE collection = ? AND id = ?").run(collection, id);
      })();
      return taken;
    });
  }

  async list(collection: string): Promise<Result<readonly unknown[]>> {
    return this.#guard("listing documents", () => {
      const rows = this.#database.query("SELECT body FROM document WHERE collection = ? ORDER BY id").all(collection);
      return (rows as { body: string }[]).map(({ body }): unknown => JSON.parse(body));
    });
  }

  #read(collection: string, id: string): unknown {
    const row = this.#database.query("SELECT body FROM document WHERE collection = ? AND id = ?").get(collection, id);
    return row === null || row === undefined ? undefined : JSON.parse((row as { body: string }).body);
  }

  #guard<T>(what: string, step: () => T): Result<T> {
    try {
      return success(step());
    } catch (cause) {
      return failure(sqliteProblem(what, cause));
    }
  }
}

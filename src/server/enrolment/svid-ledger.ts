/**
 * Every SVID that was issued and has not expired, by the replica that asked for it. It says whom a rotation of keys has to wait for, whether
 * or not they are connected, and which certificates a revoked replica holds. Kept over a restart of the server.
 */
import type { Clock } from "#engine/time";
import { namespaceOf, plainSerial, type SpiffeId } from "#identity";
import type { Problem, Result, WorkloadKey } from "#model";

export interface IssuedRecord {
  /** As `CertificateFacts.serial`. */
  readonly serial: string;
  /** Id of the issuing key. */
  readonly issuer: string;
  /** URI. */
  readonly spiffeId: string;
  readonly key: WorkloadKey;
  readonly notAfterMs: number;
  /** Label of the node that it was joined by, also where it was renewed since; absent for a join token. */
  readonly node?: string;
  /** The replica that the first of its line was issued to, where it was renewed under another name. */
  readonly origin?: WorkloadKey;
}

/** The part of the server's document store that the ledger needs. */
export interface LedgerDocuments {
  put(collection: string, id: string, document: unknown): Promise<Result<void>>;
  take(collection: string, id: string): Promise<Result<unknown>>;
  list(collection: string): Promise<Result<readonly unknown[]>>;
}

export interface SvidLedgerOptions {
  readonly documents: LedgerDocuments;
  readonly clock: Pick<Clock, "nowMs">;
  /** What cannot be kept is known until the server ends. */
  readonly onProblem: (problem: Problem) => void;
}

const COLLECTION = "svids";
/** Beyond it the SVIDs that expire first are forgotten. */
const RECORDS_MAX = 100_000;

export class SvidLedger {
  readonly #options: SvidLedgerOptions;
  /** By serial, in the order of issue. */
  readonly #records = new Map<string, IssuedRecord>();
  /** Serials by replica. */
  readonly #serials = new Map<WorkloadKey, Set<string>>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SvidLedgerOptions) {
    this.#options = options;
  }

  async load(): Promise<Result<void>> {
    const kept = await this.#options.documents.list(COLLECTION);
    if (!kept.ok) return kept;
    for (const each of kept.value.filter(isRecord)) this.#add(each);
    this.prune();
    return { ok: true, value: undefined };
  }

  record(issued: {
    readonly serial: string;
    readonly issuer: string;
    readonly spiffeId: SpiffeId;
    readonly instance: string;
    readonly notAfterMs: number;
    readonly node?: string | undefined;
    /** Serial of the one that it renews. */
    readonly renews?: string | undefined;
  }): void {
    const { spiffeId, instance, issuer, notAfterMs, renews = "" } = issued;
    const renewed = this.#records.get(plainSerial(renews));
    const { node = renewed?.node } = issued;
    const origin = renewed?.origin ?? renewed?.key;
    const serial = plainSerial(issued.serial);
    const key: WorkloadKey = `${namespaceOf(spiffeId) ?? ""}/${instance}`;
    const record = {
      ...{ serial, issuer, spiffeId: spiffeId.uri, key, notAfterMs },
      ...(node === undefined ? {} : { node }),
      ...(origin === undefined || origin === key ? {} : { origin }),
    };
    this.#add(record);
    const [oldest] = this.#records.keys();
    if (this.#records.size > RECORDS_MAX && oldest !== undefined) this.#forget(oldest);
    this.#write(() => this.#options.documents.put(COLLECTION, serial, record));
  }

  /** A replica left in good order: nobody has to wait for it. Its certificates stay known, to be revoked. */
  left(key: WorkloadKey, { uri }: SpiffeId): void {
    const held = this.of(key).filter((each) => each.spiffeId === uri && each.key === key);
    for (const each of held) this.#records.set(each.serial, { ...each, issuer: "" });
  }

  /** What a replica holds, also where it calls itself otherwise by now: a revocation must not be evaded by another name. */
  of(key: WorkloadKey): readonly IssuedRecord[] {
    const nowMs = this.#options.clock.nowMs();
    const records = [...(this.#serials.get(key) ?? [])].flatMap((serial) => this.#records.get(serial) ?? []);
    return records.filter(({ notAfterMs }) => notAfterMs > nowMs);
  }

  /** What replicas hold that have not left, each with all of its valid SVIDs. */
  get holders(): ReadonlyMap<WorkloadKey, readonly IssuedRecord[]> {
    const nowMs = this.#options.clock.nowMs();
    const held = [...this.#records.values()].filter(({ issuer, notAfterMs }) => issuer !== "" && notAfterMs > nowMs);
    return Map.groupBy(held, ({ key }) => key);
  }

  /** Forgets what has expired. */
  prune(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const { serial, notAfterMs } of this.#records.values()) if (notAfterMs <= nowMs) this.#forget(serial);
  }

  /** Waits for what is being written. */
  async stop(): Promise<void> {
    await this.#writing;
  }

  #add(record: IssuedRecord): void {
    this.#records.set(record.serial, record);
    for (const key of keysOf(record)) {
      const serials = this.#serials.get(key) ?? new Set();
      this.#serials.set(key, serials.add(record.serial));
    }
  }

  #forget(serial: string): void {
    const record = this.#records.get(serial);
    this.#records.delete(serial);
    for (const key of record === undefined ? [] : keysOf(record)) {
      const serials = this.#serials.get(key);
      serials?.delete(serial);
      if (serials?.size === 0) this.#serials.delete(key);
    }
    this.#write(() => this.#options.documents.take(COLLECTION, serial));
  }

  #write(step: () => Promise<Result<unknown>>): void {
    this.#writing = this.#writing.then(async () => {
      const written = await step();
      if (!written.ok) this.#options.onProblem(written.problems[0]);
    });
  }
}

function keysOf({ key, origin }: IssuedRecord): readonly WorkloadKey[] {
  return origin === undefined ? [key] : [key, origin];
}

function isRecord(value: unknown): value is IssuedRecord {
  const fields = new Map<string, unknown>(typeof value === "object" && value !== null ? Object.entries(value) : []);
  const texts = ["serial", "issuer", "spiffeId", "key"];
  return texts.every((each) => typeof fields.get(each) === "string") && typeof fields.get("notAfterMs") === "number";
}

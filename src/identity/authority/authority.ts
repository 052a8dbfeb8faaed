import { equalConstantTime, type SigningKey } from "#engine/crypto";
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import {
  type Bundle,
  type DistinguishedName,
  decodePem,
  encodePem,
  parseCertificate,
  type SpiffeId,
  type TrustDomain,
  trustDomainId,
} from "#identity";
import { failure, problem, type Result, success } from "#model";
import { BACKDATE_MS, encodeAuthority, encodeSvid, provenKey, type Signer } from "./issuing.ts";
import {
  type AuthorityEvent,
  type AuthoritySlot,
  type AuthorityState,
  advance,
  encodeEvent,
  type Journal,
  readJournal,
  type SlotStatus,
} from "./journal.ts";
import { createKey, encryptKey, type KeyFiles, loadKey } from "./key-files.ts";

export interface AuthorityOptions {
  /** Folder of the authority, made 0700. The root's key is in `root/` below it, which may be taken offline. */
  readonly directory: string;
  readonly trustDomain: TrustDomain;
  readonly files: PrivateFiles;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  /** Encrypts the keys on disk. */
  readonly passphrase?: string;
}

/** An SVID as issued. */
export interface IssuedSvid {
  readonly spiffeId: SpiffeId;
  /** DER, leaf first, then the issuing authority; without the root. */
  readonly chain: readonly [Uint8Array, Uint8Array];
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Shortest and longest life of an SVID, milliseconds. */
export const SVID_TTL_MS = { min: 5000, max: 7 * 86_400_000 } as const;

const DAY_MS = 86_400_000;
const ROOT_LIFE_MS = 3650 * DAY_MS;
const ISSUING_LIFE_MS = 365 * DAY_MS;
/** A prepared key waits so long, so that every agent has heard of it before it signs. */
const PREPARED_MS = DAY_MS;
/** Slots that may be held at a time: the active, its successor, and old ones that still have SVIDs in use. */
const SLOT_COUNT_MAX = 8;
/** RFC 5280 appendix A, ub-organization-name. */
const ORGANIZATION_LENGTH_MAX = 64;

/** Loads the authority of a folder, or founds one there: a root, and below it the first issuing key, which becomes active. */
export async function openAuthority(options: AuthorityOptions): Promise<Result<Authority>> {
  const stored = await options.files.read(journalPath(options));
  if (!stored.ok) return stored;
  const journal = readJournal(stored.value ?? "");
  if (!journal.ok) return journal;
  const authority = new Authority(options, journal.value);
  const opened = await authority.open();
  return opened.ok ? success(authority) : opened;
}

interface ActiveSigner {
  readonly signer: Signer;
  readonly der: Uint8Array;
  readonly notAfterMs: number;
}

/** Issues SVIDs for one trust domain. The root's key is in memory only while an issuing key is prepared. */
export class Authority {
  readonly trustDomain: TrustDomain;
  readonly #options: AuthorityOptions;
  readonly #keys: KeyFiles;
  #state: AuthorityState | undefined;
  /** Every event so far, one a line. */
  #journal: string;
  #active: ActiveSigner | undefined;
  #bundle: Bundle;

  /** Use `openAuthority`. */
  constructor(options: AuthorityOptions, journal: Journal) {
    this.#options = options;
    this.#keys = { files: options.files, random: options.random, passphrase: options.passphrase };
    this.trustDomain = options.trustDomain;
    this.#state = journal.state;
    this.#journal = journal.text;
    this.#bundle = { trustDomain: options.trustDomain, authorities: [], sequence: 0 };
  }

  /** Founds what is missing, loads the active key and encrypts keys that lie in the clear although a passphrase is given. */
  async open(): Promise<Result<void>> {
    if (this.#state === undefined) {
      const founded = await this.#found();
      if (!founded.ok) return founded;
    }
    if (this.#state?.trustDomain !== this.trustDomain)
      return trustDomainChanged(this.#state?.trustDomain, this.trustDomain);
    const encrypted = await this.#encryptKeys();
    if (!encrypted.ok) return encrypted;
    if (this.#slots("active").length > 0) return this.#load();
    const [waiting] = this.#slots("prepared");
    const prepared = waiting === undefined ? await this.prepare() : success(waiting.id);
    return prepared.ok ? this.activate(prepared.value) : prepared;
  }

  /** The root's certificate, DER. */
  get root(): Uint8Array {
    return derOf(this.#state?.root ?? "");
  }

  /** What vouches for this trust domain now: the active key's certificate first, the root's last. The same object until it changes. */
  get bundle(): Bundle {
    return this.#bundle;
  }

  /** Every issuing key with its status, in the order in which they were prepared. */
  get slots(): readonly AuthoritySlot[] {
    return this.#state?.slots ?? [];
  }

  /** The public key, DER, of a request that `issue` would accept: well-formed, strong, and proved to be the asker's. */
  verifyRequest(csrDer: Uint8Array): Result<Uint8Array> {
    return provenKey(csrDer);
  }

  /**
   * Issues an X.509-SVID for the key of a PKCS#10 request that proves possession of it. Who the SVID names is the caller's
   * decision alone; all names in the request are passed over. Its life is bounded by `SVID_TTL_MS` and by the issuer's own.
   * Fails with `HDL_IDENTITY_REQUEST_MALFORMED`, `HDL_AUTHORITY_KEY_WEAK`, `HDL_AUTHORITY_POSSESSION_UNPROVEN` or
   * `HDL_AUTHORITY_EXPIRED`.
   */
  issue(csrDer: Uint8Array, grant: { readonly spiffeId: SpiffeId; readonly ttlMs: number }): Result<IssuedSvid> {
    const { spiffeId } = grant;
    if (spiffeId.trustDomain !== this.trustDomain || spiffeId.path === "")
      throw new RangeError(`Not a workload of ${this.trustDomain}: ${spiffeId.uri}`);
    const proven = provenKey(csrDer);
    if (!proven.ok) return proven;
    const nowMs = this.#options.clock.nowMs();
    const active = this.#active;
    if (active === undefined || active.notAfterMs <= nowMs)
      return failure(problem("HDL_AUTHORITY_EXPIRED", `The issuing key of ${this.trustDomain} has expired.`));
    const ttlMs = Math.min(Math.max(grant.ttlMs, SVID_TTL_MS.min), SVID_TTL_MS.max);
    const notAfterMs = wholeSecond(Math.min(nowMs + ttlMs, active.notAfterMs));
    const notBeforeMs = wholeSecond(nowMs - BACKDATE_MS);
    const serial = this.#options.random.bytes(16);
    const leaf = encodeSvid(active.signer, {
      id: spiffeId,
      publicKeyInfo: proven.value,
      serial,
      notBeforeMs,
      notAfterMs,
    });
    return success({ spiffeId, chain: [leaf, active.der], serial: hexOf(serial), notBeforeMs, notAfterMs });
  }

  /**
   * Makes a new issuing key, signed by the root, and adds it to the bundle without signing by it yet; returns its id.
   * Fails with `HDL_AUTHORITY_ROOT_OFFLINE` when the root's key is not in its folder.
   */
  async prepare(): Promise<Result<string>> {
    const state = this.#state;
    if (state === undefined || state.slots.length >= SLOT_COUNT_MAX)
      return failure(problem("HDL_AUTHORITY_SLOT", `${SLOT_COUNT_MAX} issuing keys are held already.`));
    const rootKey = await this.#loadRoot();
    if (!rootKey.ok) return rootKey;
    const id = hexOf(this.#options.random.bytes(8));
    const key = await createKey(this.#keys, this.#issuingPath(id));
    if (!key.ok) return key;
    const nowMs = this.#options.clock.nowMs();
    const certificate = encodeAuthority(
      { key: rootKey.value, name: this.#name("root") },
      {
        subject: this.#name(`issuing ${id}`),
        uri: trustDomainId(this.trustDomain).uri,
        publicKeyInfo: key.value.publicKeyInfo,
        serial: this.#options.random.bytes(16),
        pathLength: 0,
        notBeforeMs: nowMs - BACKDATE_MS,
        notAfterMs: nowMs + ISSUING_LIFE_MS,
      },
    );
    const pem = encodePem("CERTIFICATE", certificate);
    const recorded = await this.#record({ event: "prepared", atMs: nowMs, authority: id, certificate: pem });
    return recorded.ok ? success(id) : recorded;
  }

  /**
   * Lets a prepared key sign from now on. The one that signed before becomes old: its certificate stays in the bundle, its key
   * is deleted.
   */
  async activate(id: string): Promise<Result<void>> {
    const recorded = await this.#record({ event: "activated", atMs: this.#options.clock.nowMs(), authority: id });
    if (!recorded.ok) return recorded;
    const loaded = await this.#load();
    if (!loaded.ok) return loaded;
    for (const old of this.#slots("old")) {
      const removed = await this.#keys.files.remove(this.#issuingPath(old.id));
      if (!removed.ok) return removed;
    }
    return success(undefined);
  }

  /** Takes a prepared or old key out of the bundle: SVIDs that it signed are refused from now on. */
  remove(id: string): Promise<Result<void>> {
    return this.#record({ event: "removed", atMs: this.#options.clock.nowMs(), authority: id });
  }

  /**
   * Keeps issuing possible for ever: prepares a successor at half of the active key's life, activates it a day later, and drops
   * old keys whose last SVID has expired. Call it at the start and daily. A root that is offline is reported only as a failure.
   */
  async maintain(): Promise<Result<void>> {
    const nowMs = this.#options.clock.nowMs();
    const expired = this.#slots("old").find((each) => each.sinceMs + SVID_TTL_MS.max < nowMs);
    if (expired !== undefined) return this.remove(expired.id);
    const [prepared] = this.#slots("prepared");
    if (prepared !== undefined)
      return prepared.sinceMs + PREPARED_MS <= nowMs ? this.activate(prepared.id) : success(undefined);
    const remainingMs = (this.#active?.notAfterMs ?? 0) - nowMs;
    if (remainingMs > ISSUING_LIFE_MS / 2) return success(undefined);
    const made = await this.prepare();
    return made.ok ? success(undefined) : made;
  }

  async #found(): Promise<Result<void>> {
    const held = await loadKey(this.#keys, this.#rootPath);
    if (!held.ok) return held;
    const key = held.value === undefined ? await createKey(this.#keys, this.#rootPath) : success(held.value);
    if (!key.ok) return key;
    const nowMs = this.#options.clock.nowMs();
    const name = this.#name("root");
    const certificate = encodeAuthority(
      { key: key.value, name },
      {
        subject: name,
        uri: trustDomainId(this.trustDomain).uri,
        publicKeyInfo: key.value.publicKeyInfo,
        serial: this.#options.random.bytes(16),
        pathLength: 1,
        notBeforeMs: nowMs - BACKDATE_MS,
        notAfterMs: nowMs + ROOT_LIFE_MS,
      },
    );
    const root = encodePem("CERTIFICATE", certificate);
    return this.#record({ event: "founded", atMs: nowMs, trustDomain: this.trustDomain, root });
  }

  async #encryptKeys(): Promise<Result<void>> {
    const usable = this.slots.filter((each) => each.status !== "old");
    for (const path of [this.#rootPath, ...usable.map((each) => this.#issuingPath(each.id))]) {
      const encrypted = await encryptKey(this.#keys, path);
      if (!encrypted.ok) return encrypted;
    }
    return success(undefined);
  }

  async #loadRoot(): Promise<Result<SigningKey>> {
    const key = await loadKey(this.#keys, this.#rootPath);
    if (!key.ok) return key;
    if (key.value === undefined)
      return failure(problem("HDL_AUTHORITY_ROOT_OFFLINE", `The root's key is not at ${this.#rootPath}.`));
    const facts = parseCertificate(this.root);
    if (facts.ok && equalConstantTime(key.value.publicKeyInfo, facts.value.publicKeyInfo)) return success(key.value);
    return failure(problem("HDL_AUTHORITY_KEY_UNUSABLE", `${this.#rootPath} is not the key of this root.`));
  }

  async #load(): Promise<Result<void>> {
    const [slot] = this.#slots("active");
    const path = this.#issuingPath(slot?.id ?? "");
    const key = await loadKey(this.#keys, path);
    if (!key.ok) return key;
    const der = derOf(slot?.certificate ?? "");
    const facts = parseCertificate(der);
    if (!facts.ok) return facts;
    if (key.value === undefined || !equalConstantTime(key.value.publicKeyInfo, facts.value.publicKeyInfo))
      return failure(problem("HDL_AUTHORITY_KEY_UNUSABLE", `${path} does not hold the active issuing key.`));
    const signer = { key: key.value, name: this.#name(`issuing ${slot?.id ?? ""}`) };
    this.#active = { signer, der, notAfterMs: facts.value.notAfterMs };
    this.#rebuildBundle();
    return success(undefined);
  }

  async #record(event: AuthorityEvent): Promise<Result<void>> {
    const next = advance(this.#state, event);
    if (next === undefined)
      return failure(problem("HDL_AUTHORITY_SLOT", `An issuing key cannot be ${event.event} in its present status.`));
    // Replaced whole: a full disk must not leave half a line for the next event to be glued to.
    const journal = this.#journal + encodeEvent(event);
    const written = await this.#options.files.write(journalPath(this.#options), journal);
    if (!written.ok) return written;
    this.#journal = journal;
    this.#state = next;
    this.#rebuildBundle();
    return success(undefined);
  }

  #rebuildBundle(): void {
    const slots = [...this.#slots("active"), ...this.#slots("prepared"), ...this.#slots("old")];
    const authorities = [...slots.map((each) => derOf(each.certificate)), this.root];
    this.#bundle = { trustDomain: this.trustDomain, authorities, sequence: this.#state?.sequence ?? 0 };
  }

  #slots(status: SlotStatus): readonly AuthoritySlot[] {
    return this.slots.filter((each) => each.status === status);
  }

  #name(what: string): DistinguishedName {
    return { organization: this.trustDomain.slice(0, ORGANIZATION_LENGTH_MAX), commonName: `Heddle ${what}` };
  }

  get #rootPath(): string {
    return `${this.#options.directory}/root/root.key`;
  }

  #issuingPath(id: string): string {
    return `${this.#options.directory}/issuing/${id}.key`;
  }
}

function journalPath({ directory }: AuthorityOptions): string {
  return `${directory}/journal.ndjson`;
}

function derOf(pem: string): Uint8Array {
  return decodePem("CERTIFICATE", pem)[0] ?? new Uint8Array();
}

/** X.509 tells no smaller unit. */
function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

function hexOf(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

function trustDomainChanged(held: string | undefined, asked: string): Result<never> {
  return failure(
    problem("HDL_AUTHORITY_TRUST_DOMAIN", `The authority was founded for ${held ?? "nobody"}, not for ${asked}.`),
  );
}

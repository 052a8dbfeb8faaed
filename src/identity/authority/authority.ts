import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import {
  BACKDATE_MS,
  type Bundle,
  encodePem,
  firstCertificate,
  parseCertificate,
  plainSerial,
  type Revocation,
  type SpiffeId,
  serverSpiffeId,
  type TrustDomain,
} from "#identity";
import { failure, problem, type Result, success } from "#model";
import { type CertifiedKey, Certifier, ROOT_COUNT_MAX, tooManyRoots } from "./certifying.ts";
import { encodeSvid, type IssuedSvid, provenKey, SVID_TTL_MS, type SvidGrantTerms } from "./issuing.ts";
import { IssuingKeys, type LoadedSigner } from "./issuing-keys.ts";
import {
  type AuthorityEvent,
  type AuthoritySlot,
  type AuthorityState,
  advance,
  encodeEvent,
  FIRST_ROOT,
  isSaid,
  type Journal,
  type RootSlot,
  readJournal,
  type SlotStatus,
} from "./journal.ts";
import { JwtKeys } from "./jwt-keys.ts";
import { OwnRoots } from "./own-roots.ts";
import { type MemberState, nextRotationStep, type RotationStep } from "./rotation.ts";
import type { UpstreamAuthority } from "./upstream.ts";

export interface AuthorityOptions {
  /** Folder of the authority, made 0700. The root's key is in `root/` below it, which may be taken offline. */
  readonly directory: string;
  readonly trustDomain: TrustDomain;
  readonly files: PrivateFiles;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  /** Encrypts the keys on disk. */
  readonly passphrase?: string;
  /** Certifies issuing keys in place of a root of the domain's own. */
  readonly upstream?: UpstreamAuthority;
}

/** An older key that is so near to its end signs nothing any more, for the server neither. */
const OWN_LIFE_MIN_MS = 3_600_000;
/** Slots that may be held at a time: the active, its successor, and old ones that still have SVIDs in use. */
const SLOT_COUNT_MAX = 8;

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

/** Issues SVIDs for one trust domain. The root's key is in memory only while an issuing key is prepared. */
export class Authority {
  readonly trustDomain: TrustDomain;
  /** Signs JWT-SVIDs. */
  readonly jwt: JwtKeys;
  readonly #options: AuthorityOptions;
  readonly #issuingKeys: IssuingKeys;
  readonly #ownRoots: OwnRoots;
  readonly #certifier: Certifier;
  #state: AuthorityState | undefined;
  /** Every event so far, one a line. */
  #journal: string;
  #active: LoadedSigner | undefined;
  /** Signs for the server: the oldest key that is still trusted. */
  #eldest: LoadedSigner | undefined;
  #bundle: Bundle;

  /** Use `openAuthority`. */
  constructor(options: AuthorityOptions, journal: Journal) {
    this.#options = options;
    this.trustDomain = options.trustDomain;
    this.#state = journal.state;
    this.#journal = journal.text;
    this.#bundle = { trustDomain: options.trustDomain, authorities: [], sequence: 0 };
    const { directory, trustDomain, files, passphrase, clock, random, upstream } = options;
    const keys = { files, random, passphrase };
    this.#issuingKeys = new IssuingKeys({ directory: `${directory}/issuing`, trustDomain, keys });
    this.#ownRoots = new OwnRoots({ directory: `${directory}/root`, trustDomain, keys, clock, random });
    this.#certifier = new Certifier({ trustDomain, ownRoots: this.#ownRoots, upstream, clock });
    this.jwt = new JwtKeys({
      directory: `${directory}/jwt`,
      keys,
      clock,
      random,
      slots: () => this.#state?.jwtKeys ?? [],
      record: (event) => this.#record(event),
    });
  }

  /** Founds what is missing, loads the active key and encrypts keys that lie in the clear although a passphrase is given. */
  async open(): Promise<Result<void>> {
    if (this.#state === undefined) {
      const founded = this.#options.upstream === undefined ? await this.#found() : await this.prepare();
      if (!founded.ok) return founded;
    }
    if (this.#state?.trustDomain !== this.trustDomain)
      return trustDomainChanged(this.#state?.trustDomain, this.trustDomain);
    const encrypted = await this.#encryptKeys();
    if (!encrypted.ok) return encrypted;
    const jwt = await this.jwt.open();
    if (!jwt.ok) return jwt;
    if (this.#slots("active").length === 0) return this.#replaceActive();
    const loaded = await this.#load();
    return loaded.ok && this.#isExpired ? this.#replaceActive() : loaded;
  }

  /** Lets another key sign at once: there is none yet, or all that the one before signed has expired with it. */
  async #replaceActive(): Promise<Result<void>> {
    const [waiting] = this.#slots("prepared");
    const root = parseCertificate(firstCertificate(this.roots.at(-1)?.certificate ?? ""));
    const isRootGone = root.ok && root.value.notAfterMs <= this.#options.clock.nowMs();
    const make = (): Promise<Result<string>> => (isRootGone ? this.prepareRoot() : this.prepare());
    const prepared = waiting === undefined ? await make() : success(waiting.id);
    return prepared.ok ? this.activate(prepared.value) : prepared;
  }

  #signerOfServer(): LoadedSigner | undefined {
    const isLong = (this.#eldest?.notAfterMs ?? 0) > this.#options.clock.nowMs() + OWN_LIFE_MIN_MS;
    return isLong ? this.#eldest : this.#active;
  }

  get #isExpired(): boolean {
    return (this.#active?.notAfterMs ?? 0) <= this.#options.clock.nowMs();
  }

  /**
   * The root, DER, that newcomers know the domain by: above the key that signs for the server. While two are trusted that is the older
   * one, so that agents that have not heard of the newer can still reach the server.
   */
  get root(): Uint8Array {
    const below = this.slots.find(({ id }) => id === this.#signerOfServer()?.id);
    return firstCertificate(this.roots.find(({ id }) => id === below?.root)?.certificate ?? "");
  }

  /** Every root that is trusted, the first the oldest. */
  get roots(): readonly RootSlot[] {
    return this.#state?.roots ?? [];
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
  issue(csrDer: Uint8Array, grant: SvidGrantTerms): Result<IssuedSvid> {
    const { spiffeId } = grant;
    if (spiffeId.trustDomain !== this.trustDomain || spiffeId.path === "")
      throw new RangeError(`Not a workload of ${this.trustDomain}: ${spiffeId.uri}`);
    // Whoever had it could give agents any configuration.
    if (grant.isOwn !== true && spiffeId.uri === serverSpiffeId(this.trustDomain).uri)
      return failure(problem("HDL_AUTHORITY_RESERVED", `${spiffeId.uri} is the server itself.`));
    const proven = provenKey(csrDer);
    if (!proven.ok) return proven;
    const nowMs = this.#options.clock.nowMs();
    const by = grant.isOwn === true ? this.#signerOfServer() : this.#active;
    if (by === undefined || by.notAfterMs <= nowMs)
      return failure(problem("HDL_AUTHORITY_EXPIRED", `The issuing key of ${this.trustDomain} has expired.`));
    const ttlMs = Math.min(Math.max(grant.ttlMs, SVID_TTL_MS.min), SVID_TTL_MS.max);
    const notAfterMs = wholeSecond(Math.min(nowMs + ttlMs, by.notAfterMs));
    const notBeforeMs = this.#notBeforeMs(spiffeId, nowMs);
    const serial = this.#options.random.bytes(16);
    const template = { id: spiffeId, publicKeyInfo: proven.value, serial, notBeforeMs, notAfterMs };
    const chain = [encodeSvid(by.signer, template), ...by.chain] as const;
    return success({ spiffeId, chain, issuer: by.id, serial: hexOf(serial), notBeforeMs, notAfterMs });
  }

  /**
   * Makes a new issuing key, certified by the root or the upstream authority, and adds it to the bundle without signing by it yet; returns
   * its id. Fails with `HDL_AUTHORITY_ROOT_OFFLINE` when the root's key is not in its folder, or `HDL_AUTHORITY_UPSTREAM`.
   */
  async prepare(): Promise<Result<string>> {
    if (this.slots.length >= SLOT_COUNT_MAX)
      return failure(problem("HDL_AUTHORITY_SLOT", `${SLOT_COUNT_MAX} issuing keys are held already.`));
    const id = hexOf(this.#options.random.bytes(8));
    const key = await this.#issuingKeys.create(id);
    if (!key.ok) return key;
    const certified = await this.#certifier.certify({ key: key.value, name: this.#issuingKeys.name(id) }, this.roots);
    if (!certified.ok) return certified;
    const root = await this.#rootOf(certified.value);
    if (!root.ok) return root;
    const certificate = certified.value.chain.map((der) => encodePem("CERTIFICATE", der)).join("");
    const atMs = this.#options.clock.nowMs();
    const recorded = await this.#record({ event: "prepared", atMs, authority: id, certificate, root: root.value });
    return recorded.ok ? success(id) : recorded;
  }

  /**
   * Makes a new root, trusted beside the one before it, and an issuing key below it that signs nothing yet; returns that key's id. Under an
   * upstream authority the root is the one that signs there now.
   */
  async prepareRoot(): Promise<Result<string>> {
    if (this.#options.upstream !== undefined) return this.prepare();
    const id = hexOf(this.#options.random.bytes(8));
    const root = this.roots.length < ROOT_COUNT_MAX ? await this.#ownRoots.create(id) : tooManyRoots();
    if (!root.ok) return root;
    const recorded = await this.#addRoot(id, root.value);
    return recorded.ok ? this.prepare() : recorded;
  }

  /** The id of the root; one that an upstream authority signs by is trusted from the moment it is first seen. */
  async #rootOf({ root }: CertifiedKey): Promise<Result<string>> {
    const pem = encodePem("CERTIFICATE", root);
    const held = this.roots.find((each) => each.certificate === pem);
    if (held !== undefined) return success(held.id);
    if (this.roots.length >= ROOT_COUNT_MAX) return tooManyRoots();
    const id = this.#state === undefined ? FIRST_ROOT : hexOf(this.#options.random.bytes(8));
    const recorded = await this.#addRoot(id, root);
    return recorded.ok ? success(id) : recorded;
  }

  #addRoot(id: string, der: Uint8Array): Promise<Result<void>> {
    const certificate = encodePem("CERTIFICATE", der);
    const atMs = this.#options.clock.nowMs();
    if (this.#state !== undefined) return this.#record({ event: "root-prepared", atMs, root: id, certificate });
    return this.#record({ event: "founded", atMs, trustDomain: this.trustDomain, root: certificate });
  }

  /** Lets a prepared key sign from now on. The one that signed before becomes old: it stays in the bundle and signs for the server only. */
  async activate(id: string): Promise<Result<void>> {
    const recorded = await this.#record({ event: "activated", atMs: this.#options.clock.nowMs(), authority: id });
    return recorded.ok ? this.#load() : recorded;
  }

  /** Takes a prepared or old key out of the bundle and deletes it: SVIDs that it signed are refused from now on. */
  async remove(id: string): Promise<Result<void>> {
    const recorded = await this.#record({ event: "removed", atMs: this.#options.clock.nowMs(), authority: id });
    if (!recorded.ok) return recorded;
    const deleted = await this.#issuingKeys.remove(id);
    const loaded = await this.#load();
    return loaded.ok ? deleted : loaded;
  }

  /** Trusts a root no more, once nothing below it is left, and deletes its key. */
  async removeRoot(id: string): Promise<Result<void>> {
    const recorded = await this.#record({ event: "root-removed", atMs: this.#options.clock.nowMs(), root: id });
    return recorded.ok ? this.#ownRoots.remove(id) : recorded;
  }

  /** Lets every SVID of an identity that was issued until now be refused wherever the bundle is known. */
  revokeIdentity(spiffeId: SpiffeId): Promise<Result<void>> {
    const atMs = this.#options.clock.nowMs();
    const notBeforeUntilMs = wholeSecond(atMs - BACKDATE_MS);
    const expiresAtMs = wholeSecond(atMs) + SVID_TTL_MS.max;
    return this.#revoke({ kind: "identity", spiffeId: spiffeId.uri, notBeforeUntilMs, expiresAtMs }, atMs);
  }

  /** The same of one SVID, by its serial, until it would have expired. */
  revokeCertificate({ serial, notAfterMs }: Pick<IssuedSvid, "serial" | "notAfterMs">): Promise<Result<void>> {
    const revocation = { kind: "certificate", serial: plainSerial(serial), expiresAtMs: notAfterMs } as const;
    return this.#revoke(revocation, this.#options.clock.nowMs());
  }

  /** What is revoked already is not written again: the journal does not grow by who repeats himself. */
  #revoke(revocation: Revocation, atMs: number): Promise<Result<void>> {
    if (isSaid(this.#state?.revocations ?? [], revocation)) return Promise.resolve(success(undefined));
    return this.#record({ event: "revoked", atMs, revocation });
  }

  /**
   * Prepares a successor at half of the active key's life; a new root with it when the root would not outlive that successor's own
   * successor. One that has expired while nobody looked is replaced at once. Call it at the start and every minute. A root that is offline is
   * reported only as a failure.
   */
  async maintain(): Promise<Result<void>> {
    const jwt = await this.jwt.maintain();
    const issuing = await this.#maintainIssuing();
    return issuing.ok ? jwt : issuing;
  }

  async #maintainIssuing(): Promise<Result<void>> {
    const nowMs = this.#options.clock.nowMs();
    if (this.#isExpired) return this.#replaceActive();
    if (this.#slots("prepared").length > 0) return success(undefined);
    const { notBeforeMs = 0, notAfterMs = 0 } = this.#active ?? {};
    if (notAfterMs - nowMs > (notAfterMs - notBeforeMs) / 2) return success(undefined);
    const root = parseCertificate(this.root);
    const isRootDue = root.ok && this.#certifier.isRootDue(root.value);
    const made = await (isRootDue ? this.prepareRoot() : this.prepare());
    return made.ok ? success(undefined) : made;
  }

  /** Takes the next step of a rotation that is under way, and returns it; undefined when there is none to take now. */
  async advance(members: MemberState): Promise<Result<RotationStep | undefined>> {
    const next = nextRotationStep(this, members);
    if (next === undefined) return success(undefined);
    const done = await this.#take(next);
    return done.ok ? success(next) : done;
  }

  #take(step: RotationStep): Promise<Result<void>> {
    switch (step.step) {
      case "activate":
        return this.activate(step.slot);
      case "remove":
        return this.remove(step.slot);
      case "remove-root":
        return this.removeRoot(step.root);
    }
  }

  async #found(): Promise<Result<void>> {
    const root = await this.#ownRoots.create(FIRST_ROOT);
    return root.ok ? this.#addRoot(FIRST_ROOT, root.value) : root;
  }

  async #encryptKeys(): Promise<Result<void>> {
    for (const { id } of this.roots) {
      const encrypted = await this.#ownRoots.encrypt(id);
      if (!encrypted.ok) return encrypted;
    }
    for (const { id } of this.slots) {
      const encrypted = await this.#issuingKeys.encrypt(id);
      if (!encrypted.ok) return encrypted;
    }
    return success(undefined);
  }

  async #load(): Promise<Result<void>> {
    const [active] = this.#slots("active");
    const [eldest] = this.#slots("old");
    if (active === undefined) return failure(problem("HDL_AUTHORITY_KEY_UNUSABLE", "No issuing key is active."));
    const signer = await this.#issuingKeys.load(active);
    if (!signer.ok) return signer;
    // An old key of an earlier version was deleted when it became old.
    const older = eldest === undefined ? signer : await this.#issuingKeys.load(eldest);
    this.#active = signer.value;
    this.#eldest = older.ok ? older.value : signer.value;
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
    const { sequence = 0, revocations = [] } = this.#state ?? {};
    const slots = [...this.#slots("active"), ...this.#slots("prepared"), ...this.#slots("old")];
    const authorities = [...slots, ...this.roots].map((each) => firstCertificate(each.certificate));
    const jwtAuthorities = this.jwt.authorities;
    this.#bundle = { trustDomain: this.trustDomain, authorities, sequence, revocations, jwtAuthorities };
  }

  /** Dated back, but not to before what was revoked of the identity. */
  #notBeforeMs({ uri }: SpiffeId, nowMs: number): number {
    const untilMs = (this.#state?.revocations ?? []).flatMap((each) =>
      each.kind === "identity" && each.spiffeId === uri ? [each.notBeforeUntilMs + 1000] : [],
    );
    return Math.max(wholeSecond(nowMs - BACKDATE_MS), ...untilMs);
  }

  #slots(status: SlotStatus): readonly AuthoritySlot[] {
    return this.slots.filter((each) => each.status === status);
  }
}

function journalPath({ directory }: AuthorityOptions): string {
  return `${directory}/journal.ndjson`;
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

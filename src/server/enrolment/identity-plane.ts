import { sha256Hex } from "#engine/crypto";
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Cancel, Clock, Timers } from "#engine/time";
import type { Bundle, TlsIdentity, TrustDomain } from "#identity";
import { type JoinTokenAudit, type JoinTokenStore, JoinTokens } from "#identity/attestation";
import { type Authority, openAuthority } from "#identity/authority";
import { type Failure, failure, problem, type Result, success } from "#model";
import { Enrolment, type SvidIssuance } from "./enrolment.ts";
import { OwnIdentity } from "./own-identity.ts";

export interface IdentityPlaneOptions {
  /** Folder of the authority, such as `<data directory>/ca`. */
  readonly directory: string;
  readonly trustDomain: TrustDomain;
  /** File with the passphrase of the authority's keys, 0600; its last line break does not count. */
  readonly passphraseFile?: string;
  readonly files: PrivateFiles;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "every">;
  readonly random: Random;
  readonly tokens: JoinTokenStore;
  /** Life of an SVID now, milliseconds. */
  readonly svidTtlMs: () => number;
  readonly listener: IdentityPlaneListener;
}

/** Who is told of what happens. None of it holds a secret, but for the key in `onOwnIdentity`. */
export interface IdentityPlaneListener {
  readonly onIssued: (issuance: SvidIssuance) => void;
  readonly onTokenAudit: (entry: JoinTokenAudit) => void;
  /** A new identity of the server, for new connections of its listener. */
  readonly onOwnIdentity: (identity: TlsIdentity) => void;
  /** The bundle changed: agents must hear of it before its newest authority signs. */
  readonly onBundle: (bundle: Bundle) => void;
  readonly onFailure: (failed: Failure) => void;
}

const MAINTAIN_MS = 3_600_000;
const PASSPHRASE_LENGTH_MAX = 1024;

/** Everything of the server that decides about identities, started and stopped as one. */
export class IdentityPlane {
  readonly authority: Authority;
  readonly joinTokens: JoinTokens;
  readonly enrolment: Enrolment;
  /** The server's identity when the plane started; `onOwnIdentity` tells of later ones. */
  readonly firstIdentity: TlsIdentity;
  readonly #options: IdentityPlaneOptions;
  readonly #own: OwnIdentity;
  readonly #cancel: Cancel;
  #maintaining: Promise<void> = Promise.resolve();

  /** Use `startIdentityPlane`. */
  constructor(
    options: IdentityPlaneOptions,
    parts: { readonly authority: Authority; readonly own: OwnIdentity; readonly firstIdentity: TlsIdentity },
  ) {
    const { clock, random, timers, tokens, svidTtlMs, listener } = options;
    const { authority, own, firstIdentity } = parts;
    this.#options = options;
    this.#own = own;
    this.authority = authority;
    this.firstIdentity = firstIdentity;
    this.joinTokens = new JoinTokens({ store: tokens, clock, random, audit: listener.onTokenAudit });
    const { joinTokens } = this;
    this.enrolment = new Enrolment({ authority, joinTokens, svidTtlMs, clock, onIssued: listener.onIssued });
    this.#cancel = timers.every(MAINTAIN_MS, () => {
      this.#maintaining = this.#maintaining.then(() => this.#maintain());
    });
  }

  /** SHA-256 of the root's certificate, lower-case hexadecimal: what join tokens carry. */
  get rootHash(): string {
    return sha256Hex(this.authority.root);
  }

  /** Ends renewal and maintenance and waits for a step of the authority that is under way. */
  async stop(): Promise<void> {
    this.#cancel();
    this.#own.stop();
    await this.#maintaining;
  }

  async #maintain(): Promise<void> {
    const before = this.authority.bundle.sequence;
    const maintained = await this.authority.maintain();
    if (!maintained.ok) this.#options.listener.onFailure(maintained);
    if (this.authority.bundle.sequence !== before) this.#options.listener.onBundle(this.authority.bundle);
  }
}

/** Opens the authority (founding it at the first start) and issues the server's own identity. */
export async function startIdentityPlane(options: IdentityPlaneOptions): Promise<Result<IdentityPlane>> {
  const { directory, trustDomain, files, clock, timers, random, listener } = options;
  const passphrase = await readPassphrase(options);
  if (!passphrase.ok) return passphrase;
  const secret = passphrase.value === undefined ? {} : { passphrase: passphrase.value };
  const authority = await openAuthority({ directory, trustDomain, files, clock, random, ...secret });
  if (!authority.ok) return authority;
  const maintained = await authority.value.maintain();
  if (!maintained.ok) listener.onFailure(maintained);
  const { onOwnIdentity: onRotated, onFailure } = listener;
  const own = new OwnIdentity({ authority: authority.value, clock, timers, random, onRotated, onFailure });
  const first = own.start();
  if (!first.ok) return first;
  return success(new IdentityPlane(options, { authority: authority.value, own, firstIdentity: first.value }));
}

async function readPassphrase({ files, passphraseFile }: IdentityPlaneOptions): Promise<Result<string | undefined>> {
  if (passphraseFile === undefined) return success(undefined);
  const text = await files.read(passphraseFile);
  if (!text.ok) return text;
  const passphrase = text.value?.replace(/\r?\n$/, "") ?? "";
  if (passphrase !== "" && passphrase.length <= PASSPHRASE_LENGTH_MAX) return success(passphrase);
  return failure(problem("HDL_AUTHORITY_PASSPHRASE_FILE", `${passphraseFile} holds no passphrase.`));
}

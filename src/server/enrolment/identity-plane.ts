import { sha256Hex } from "#engine/crypto";
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Cancel, Clock, Timers } from "#engine/time";
import {
  type Bundle,
  namespaceOf,
  type SpiffeId,
  serviceAccountOf,
  type TlsIdentity,
  type TrustDomain,
} from "#identity";
import {
  type BarDocuments,
  BarredNodes,
  type JoinTokenAudit,
  type JoinTokenStore,
  JoinTokens,
  NodeAttestors,
  type NodeAudit,
} from "#identity/attestation";
import { type Authority, openAuthority, type RotationStep } from "#identity/authority";
import {
  type Failure,
  failure,
  type NodeAttestation,
  type Problem,
  problem,
  type Result,
  success,
  type WorkloadKey,
} from "#model";
import { Enrolment, type SvidIssuance } from "./enrolment.ts";
import { KeyRotation } from "./key-rotation.ts";
import type { MemberReport } from "./members.ts";
import { OwnIdentity } from "./own-identity.ts";
import { type IssuedRecord, type LedgerDocuments, SvidLedger } from "./svid-ledger.ts";
import { type UpstreamSettings, upstreamOf } from "./upstream.ts";

export interface IdentityPlaneOptions {
  /** Folder of the authority, such as `<data directory>/ca`. */
  readonly directory: string;
  readonly trustDomain: TrustDomain;
  /** File with the passphrase of the authority's keys, 0600; its last line break does not count. */
  readonly passphraseFile?: string;
  /** Certifies issuing keys in place of a root of the domain's own. */
  readonly upstream?: UpstreamSettings;
  readonly files: PrivateFiles;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after" | "every">;
  readonly random: Random;
  readonly tokens: JoinTokenStore;
  /** Those that are applied. */
  readonly attestations: () => readonly NodeAttestation[];
  /** Where issued SVIDs, and whom no node may join as any more, are kept over a restart. */
  readonly svids: LedgerDocuments & BarDocuments;
  /** URL of the OpenID Connect provider that publishes the keys of JWT-SVIDs. */
  readonly issuer?: string;
  /** What agents that are heard from last said. */
  readonly reports: () => ReadonlyMap<WorkloadKey, MemberReport>;
  /** How long a new key must have been published before it signs, milliseconds: other trust domains fetch the bundle and confirm nothing. */
  readonly publishedMs: () => number;
  /** Life of an SVID now, milliseconds. */
  readonly svidTtlMs: () => number;
  readonly listener: IdentityPlaneListener;
}

/** Who is told of what happens. None of it holds a secret, but for the key in `onOwnIdentity`. */
export interface IdentityPlaneListener {
  readonly onIssued: (issuance: SvidIssuance) => void;
  readonly onTokenAudit: (entry: JoinTokenAudit) => void;
  readonly onNodeAudit: (entry: NodeAudit) => void;
  /** A new identity of the server, for new connections of its listener. */
  readonly onOwnIdentity: (identity: TlsIdentity) => void;
  /** The bundle changed: agents must hear of it. */
  readonly onBundle: (bundle: Bundle) => void;
  /** A rotation of the authority's keys went a step on. */
  readonly onRotation: (step: RotationStep) => void;
  /** Whoever is meant must be cut off now. */
  readonly onRevoked: (target: RevocationTarget) => void;
  readonly onFailure: (failed: Failure) => void;
}

/** Whom to trust no more: a workload with all its replicas, or one of them. */
export interface RevocationTarget {
  readonly spiffeId: SpiffeId;
  readonly instance: string | undefined;
}

const MAINTAIN_MS = 60_000;
const PASSPHRASE_LENGTH_MAX = 1024;

/** Everything of the server that decides about identities, started and stopped as one. */
export class IdentityPlane {
  readonly authority: Authority;
  readonly joinTokens: JoinTokens;
  readonly enrolment: Enrolment;
  readonly rotation: KeyRotation;
  readonly ledger: SvidLedger;
  /** The server's identity when the plane started; `onOwnIdentity` tells of later ones. */
  readonly firstIdentity: TlsIdentity;
  readonly #options: IdentityPlaneOptions;
  readonly #own: OwnIdentity;
  readonly #barred: BarredNodes;
  readonly #cancel: Cancel;
  /** Changes of the authority, one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  /** Use `startIdentityPlane`. */
  constructor(
    options: IdentityPlaneOptions,
    parts: {
      readonly authority: Authority;
      readonly own: OwnIdentity;
      readonly ledger: SvidLedger;
      readonly firstIdentity: TlsIdentity;
    },
  ) {
    const { clock, random, timers, tokens, svidTtlMs, listener } = options;
    const { authority, own, ledger, firstIdentity } = parts;
    this.ledger = ledger;
    this.#options = options;
    this.#own = own;
    this.authority = authority;
    this.firstIdentity = firstIdentity;
    const joinTokens = new JoinTokens({ store: tokens, clock, random, audit: listener.onTokenAudit });
    this.joinTokens = joinTokens;
    const onIssued = told(ledger, listener);
    const provider = options.issuer === undefined ? {} : { issuer: options.issuer };
    const { attestations, svids } = options;
    const barred = new BarredNodes(svids);
    this.#barred = barred;
    const nodes = new NodeAttestors({ attestations, barred, clock, audit: listener.onNodeAudit });
    this.enrolment = new Enrolment({
      authority,
      joinTokens,
      nodes,
      barred,
      svidTtlMs,
      clock,
      random,
      onIssued,
      ...provider,
    });
    const serially = <T>(step: () => Promise<T>): Promise<T> => this.#change(step);
    const { reports, publishedMs } = options;
    const { onFailure, onRotation: onStep } = listener;
    this.rotation = new KeyRotation({
      authority,
      ledger,
      reports,
      publishedMs,
      clock,
      timers,
      serially,
      onStep,
      onFailure,
    });
    this.rotation.start();
    this.#cancel = timers.every(MAINTAIN_MS, () => void this.#maintain());
  }

  /** SHA-256 of the root's certificate, lower-case hexadecimal: what join tokens carry. */
  get rootHash(): string {
    return sha256Hex(this.authority.root);
  }

  /** Ends renewal and maintenance and waits for a step of the authority that is under way. */
  async stop(): Promise<void> {
    this.#cancel();
    this.rotation.stop();
    this.#own.stop();
    await this.#changing;
    await this.ledger.stop();
  }

  /**
   * Trusts a workload, or one replica of it, no more: its SVIDs are refused by everyone as soon as they hear of it, and never renewed. Whoever
   * is to come back needs a new join token. Fails with `HDL_AUTHORITY_NOTHING_TO_REVOKE` for a replica that holds no valid SVID.
   */
  async revoke(target: RevocationTarget): Promise<Result<void>> {
    const { spiffeId, instance } = target;
    const who = { namespace: namespaceOf(spiffeId) ?? "", serviceAccount: serviceAccountOf(spiffeId) ?? "" };
    // First: whoever is revoked would otherwise prove what he is and be back at once.
    const nodes = instance === undefined ? [] : this.#heldBy(target).flatMap(({ node }) => node ?? []);
    const barred = await this.#barred.bar(who, instance, [...new Set(nodes)]);
    if (!barred.ok) return barred;
    const revoked = await this.#change(() => this.#revoke(target));
    if (revoked.ok) this.#options.listener.onRevoked(target);
    return revoked;
  }

  async #revoke({ spiffeId, instance }: RevocationTarget): Promise<Result<void>> {
    const { authority } = this;
    if (instance === undefined) return authority.revokeIdentity(spiffeId);
    const held = this.#heldBy({ spiffeId, instance });
    if (held.length === 0)
      return failure(problem("HDL_AUTHORITY_NOTHING_TO_REVOKE", `${instance} holds no valid SVID of ${spiffeId.uri}.`));
    for (const each of held) {
      const revoked = await authority.revokeCertificate(each);
      if (!revoked.ok) return revoked;
    }
    return success(undefined);
  }

  /** Valid SVIDs of one replica. */
  #heldBy({ spiffeId, instance = "" }: RevocationTarget): readonly IssuedRecord[] {
    const records = this.ledger.of(`${namespaceOf(spiffeId) ?? ""}/${instance}`);
    return records.filter((each) => each.spiffeId === spiffeId.uri);
  }

  async #maintain(): Promise<void> {
    this.ledger.prune();
    const maintained = await this.#change(() => this.authority.maintain());
    if (!maintained.ok) this.#options.listener.onFailure(maintained);
  }

  /** Runs a change of the authority after those before it, and tells of what it changed. */
  #change<T>(step: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      const before = this.authority.bundle.sequence;
      const done = await step();
      if (this.authority.bundle.sequence !== before) {
        // The key that signs for the server may have gone.
        this.#own.renew();
        this.#options.listener.onBundle(this.authority.bundle);
      }
      return done;
    };
    const changed = this.#changing.then(run);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }
}

function told(ledger: SvidLedger, listener: IdentityPlaneListener): IdentityPlaneListener["onIssued"] {
  return (issuance) => {
    ledger.record(issuance);
    listener.onIssued(issuance);
  };
}

/** Opens the authority (founding it at the first start) and issues the server's own identity. */
export async function startIdentityPlane(options: IdentityPlaneOptions): Promise<Result<IdentityPlane>> {
  const { directory, trustDomain, files, clock, timers, random, listener } = options;
  const passphrase = await readPassphrase(options);
  if (!passphrase.ok) return passphrase;
  const secret = passphrase.value === undefined ? {} : { passphrase: passphrase.value };
  const { upstream: settings } = options;
  const upstream = settings === undefined ? {} : { upstream: upstreamOf(settings, { ...options, trustDomain }) };
  const authority = await openAuthority({ directory, trustDomain, files, clock, random, ...secret, ...upstream });
  if (!authority.ok) return authority;
  const maintained = await authority.value.maintain();
  if (!maintained.ok) listener.onFailure(maintained);
  const { onOwnIdentity: onRotated, onFailure } = listener;
  const onProblem = (each: Problem): void => onFailure({ ok: false, problems: [each] });
  const ledger = new SvidLedger({ documents: options.svids, clock, onProblem });
  const loaded = await ledger.load();
  if (!loaded.ok) return loaded;
  const own = new OwnIdentity({ authority: authority.value, clock, timers, random, onRotated, onFailure });
  const first = own.start();
  if (!first.ok) return first;
  return success(new IdentityPlane(options, { authority: authority.value, own, ledger, firstIdentity: first.value }));
}

async function readPassphrase({ files, passphraseFile }: IdentityPlaneOptions): Promise<Result<string | undefined>> {
  if (passphraseFile === undefined) return success(undefined);
  const text = await files.read(passphraseFile);
  if (!text.ok) return text;
  const passphrase = text.value?.replace(/\r?\n$/, "") ?? "";
  if (passphrase !== "" && passphrase.length <= PASSPHRASE_LENGTH_MAX) return success(passphrase);
  return failure(problem("HDL_AUTHORITY_PASSPHRASE_FILE", `${passphraseFile} holds no passphrase.`));
}

/** The roots of a domain that vouches for itself: a key each, read only while it certifies. */
import { equalConstantTime, type SigningKey } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import { BACKDATE_MS, parseCertificate, type TrustDomain, trustDomainId } from "#identity";
import { failure, problem, type Result, success } from "#model";
import { authorityName, encodeAuthority, type Signer } from "./issuing.ts";
import { FIRST_ROOT } from "./journal.ts";
import { createKey, encryptKey, type KeyFiles, loadKey } from "./key-files.ts";

export interface OwnRootsOptions {
  /** Folder of the keys, which may be taken offline. */
  readonly directory: string;
  readonly trustDomain: TrustDomain;
  readonly keys: KeyFiles;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
}

/** An issuing key that asks to be certified. */
export interface IssuingRequest {
  readonly name: Signer["name"];
  readonly key: SigningKey;
  readonly lifeMs: number;
}

const ROOT_LIFE_MS = 3650 * 86_400_000;
/** RFC 5280 §4.2.1.9: an issuing authority below a root, and nothing below that but leaves. */
const ROOT_PATH_LENGTH = 1;

export class OwnRoots {
  readonly #options: OwnRootsOptions;

  constructor(options: OwnRootsOptions) {
    this.#options = options;
  }

  /** Makes a root, by the key that lies there already if one does; returns its certificate, DER. */
  async create(id: string): Promise<Result<Uint8Array>> {
    const { keys, clock } = this.#options;
    const held = await loadKey(keys, this.#path(id));
    if (!held.ok) return held;
    const key = held.value === undefined ? await createKey(keys, this.#path(id)) : success(held.value);
    if (!key.ok) return key;
    const root = { key: key.value, name: this.#name(id) };
    return success(
      this.#encode(root, root, { nowMs: clock.nowMs(), lifeMs: ROOT_LIFE_MS, pathLength: ROOT_PATH_LENGTH }),
    );
  }

  /** The certificate, DER, of an issuing key below a root. Fails with `HDL_AUTHORITY_ROOT_OFFLINE` when the root's key is not there. */
  async certify(
    root: { readonly id: string; readonly der: Uint8Array },
    request: IssuingRequest,
  ): Promise<Result<Uint8Array>> {
    const path = this.#path(root.id);
    const key = await loadKey(this.#options.keys, path);
    if (!key.ok) return key;
    if (key.value === undefined)
      return failure(problem("HDL_AUTHORITY_ROOT_OFFLINE", `The root's key is not at ${path}.`));
    const facts = parseCertificate(root.der);
    if (!facts.ok || !equalConstantTime(key.value.publicKeyInfo, facts.value.publicKeyInfo))
      return failure(problem("HDL_AUTHORITY_KEY_UNUSABLE", `${path} is not the key of this root.`));
    const signer = { key: key.value, name: this.#name(root.id) };
    const nowMs = this.#options.clock.nowMs();
    return success(this.#encode(request, signer, { nowMs, lifeMs: request.lifeMs, pathLength: 0 }));
  }

  /** Encrypts a key that lies in the clear although a passphrase is given. */
  encrypt(id: string): Promise<Result<void>> {
    return encryptKey(this.#options.keys, this.#path(id));
  }

  remove(id: string): Promise<Result<void>> {
    return this.#options.keys.files.remove(this.#path(id));
  }

  #encode(
    subject: Pick<Signer, "name" | "key">,
    signer: Signer,
    { nowMs, lifeMs, pathLength }: { readonly nowMs: number; readonly lifeMs: number; readonly pathLength: number },
  ): Uint8Array {
    return encodeAuthority(signer, {
      subject: subject.name,
      uri: trustDomainId(this.#options.trustDomain).uri,
      publicKeyInfo: subject.key.publicKeyInfo,
      serial: this.#options.random.bytes(16),
      pathLength,
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + lifeMs,
    });
  }

  #name(id: string): Signer["name"] {
    return authorityName(this.#options.trustDomain, id === FIRST_ROOT ? "root" : `root ${id}`);
  }

  #path(id: string): string {
    return `${this.#options.directory}/${id}.key`;
  }
}

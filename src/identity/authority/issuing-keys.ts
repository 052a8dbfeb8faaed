/** The keys that sign SVIDs, as files beside the certificates in the journal. */
import { equalConstantTime, type SigningKey } from "#engine/crypto";
import { decodePem, parseCertificate, type TrustDomain } from "#identity";
import { failure, problem, type Result, success } from "#model";
import { authorityName, type Signer } from "./issuing.ts";
import type { AuthoritySlot } from "./journal.ts";
import { createKey, encryptKey, type KeyFiles, loadKey } from "./key-files.ts";

/** An issuing key with what it was certified by. */
export interface LoadedSigner {
  readonly id: string;
  readonly signer: Signer;
  /** Its certificate, DER, and those of authorities between it and the root. */
  readonly chain: readonly [Uint8Array, ...Uint8Array[]];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface IssuingKeysOptions {
  readonly directory: string;
  readonly trustDomain: TrustDomain;
  readonly keys: KeyFiles;
}

export class IssuingKeys {
  readonly #options: IssuingKeysOptions;

  constructor(options: IssuingKeysOptions) {
    this.#options = options;
  }

  /** How certificates name it. */
  name(id: string): Signer["name"] {
    return authorityName(this.#options.trustDomain, `issuing ${id}`);
  }

  create(id: string): Promise<Result<SigningKey>> {
    return createKey(this.#options.keys, this.#path(id));
  }

  /** Fails with `HDL_AUTHORITY_KEY_UNUSABLE` for a file that is not the key of the slot's certificate. */
  async load({ id, certificate }: AuthoritySlot): Promise<Result<LoadedSigner>> {
    const path = this.#path(id);
    const key = await loadKey(this.#options.keys, path);
    if (!key.ok) return key;
    const [der = new Uint8Array(), ...above] = decodePem("CERTIFICATE", certificate);
    const facts = parseCertificate(der);
    if (!facts.ok) return facts;
    if (key.value === undefined || !equalConstantTime(key.value.publicKeyInfo, facts.value.publicKeyInfo))
      return failure(problem("HDL_AUTHORITY_KEY_UNUSABLE", `${path} does not hold the issuing key ${id}.`));
    const { notBeforeMs, notAfterMs, subjectKeyId } = facts.value;
    // Whoever certified it may name its key by another rule than ours.
    const signer = { key: key.value, name: this.name(id), keyId: subjectKeyId };
    return success({ id, signer, chain: [der, ...above], notBeforeMs, notAfterMs });
  }

  /** Encrypts a key that lies in the clear although a passphrase is given. */
  encrypt(id: string): Promise<Result<void>> {
    return encryptKey(this.#options.keys, this.#path(id));
  }

  remove(id: string): Promise<Result<void>> {
    return this.#options.keys.files.remove(this.#path(id));
  }

  #path(id: string): string {
    return `${this.#options.directory}/${id}.key`;
  }
}

import { encryptUnderPassphrase, generateSigningKey, importSigningKey, type SigningKey } from "#engine/crypto";
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import { encodeEncryptedPrivateKey, encodePem } from "#identity";
import { failure, problem, type Result, success } from "#model";

/** How keys are kept: in the clear (0600) without a passphrase, else as PKCS#8 encrypted by PBES2, which OpenSSL reads too. */
export interface KeyFiles {
  readonly files: PrivateFiles;
  readonly random: Random;
  readonly passphrase: string | undefined;
}

/** OWASP's figure for PBKDF2-HMAC-SHA-256: what a guess at a stolen file costs. */
const ITERATIONS = 600_000;

/** Makes a key and stores it before anyone can rely on it. */
export async function createKey(keys: KeyFiles, path: string): Promise<Result<SigningKey>> {
  const key = generateSigningKey();
  const written = await keys.files.write(path, encodeKey(keys, key));
  return written.ok ? success(key) : written;
}

/** Loads a key; undefined when there is no such file (a root that is kept elsewhere). */
export async function loadKey(keys: KeyFiles, path: string): Promise<Result<SigningKey | undefined>> {
  const stored = await keys.files.read(path);
  if (!stored.ok) return stored;
  if (stored.value === undefined) return success(undefined);
  const key = importSigningKey(stored.value, keys.passphrase);
  return typeof key === "string" ? refuse(key, path) : success(key);
}

/** Encrypts a key that lies in the clear from the time before a passphrase was given. */
export async function encryptKey(keys: KeyFiles, path: string): Promise<Result<void>> {
  if (keys.passphrase === undefined) return success(undefined);
  const stored = await keys.files.read(path);
  if (!stored.ok) return stored;
  if (stored.value === undefined || stored.value.includes("ENCRYPTED")) return success(undefined);
  const key = importSigningKey(stored.value);
  return typeof key === "string" ? refuse(key, path) : keys.files.write(path, encodeKey(keys, key));
}

function encodeKey({ random, passphrase }: KeyFiles, key: SigningKey): string {
  const plain = key.exportPkcs8();
  if (passphrase === undefined) return encodePem("PRIVATE KEY", plain);
  const parts = { salt: random.bytes(16), iv: random.bytes(16), iterations: ITERATIONS };
  const ciphertext = encryptUnderPassphrase(plain, { ...parts, passphrase });
  return encodePem("ENCRYPTED PRIVATE KEY", encodeEncryptedPrivateKey({ ...parts, ciphertext }));
}

function refuse(why: "passphrase-missing" | "wrong-passphrase" | "not-a-p256-key", path: string): Result<never> {
  switch (why) {
    case "passphrase-missing":
      return failure(problem("HDL_AUTHORITY_PASSPHRASE_MISSING", `${path} is encrypted and no passphrase was given.`));
    case "wrong-passphrase":
      return failure(problem("HDL_AUTHORITY_PASSPHRASE_WRONG", `The passphrase given does not open ${path}.`));
    case "not-a-p256-key":
      return failure(problem("HDL_AUTHORITY_KEY_UNUSABLE", `${path} does not hold a P-256 key.`));
  }
}

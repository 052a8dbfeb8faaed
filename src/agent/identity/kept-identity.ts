import { importSigningKey } from "#engine/crypto";
import type { PrivateFiles } from "#engine/private-files";
import { decodePem, type TlsIdentity } from "#identity";
import type { Result } from "#model";
import { acceptGrant } from "./accept-grant.ts";

/** Where an identity is kept across restarts, only when that was asked for. */
export interface Keep {
  readonly directory: string;
  readonly files: PrivateFiles;
}

/** Writes key, chain and authorities as one file, 0600: never a key beside another key's certificate. */
export function saveIdentity(keep: Keep, identity: TlsIdentity): Promise<Result<void>> {
  const { privateKeyPem, certificateChainPem, authoritiesPem } = identity;
  const document = {
    version: 1,
    trustDomain: identity.spiffeId.trustDomain,
    privateKeyPem,
    certificateChainPem,
    authoritiesPem,
  };
  return keep.files.write(pathOf(keep), `${JSON.stringify(document)}\n`);
}

/** The kept identity, if it is still good for this workload; undefined when there is none, or a damaged, foreign or expired one. */
export async function loadIdentity(
  keep: Keep,
  expected: { readonly namespace: string; readonly serviceAccount: string; readonly nowMs: number },
): Promise<TlsIdentity | undefined> {
  const stored = await keep.files.read(pathOf(keep));
  const document = stored.ok && stored.value !== undefined ? parseDocument(stored.value) : undefined;
  if (document === undefined) return undefined;
  const key = importSigningKey(document.privateKeyPem);
  if (typeof key === "string") return undefined;
  const grant = {
    spiffeId: "",
    trustDomain: document.trustDomain,
    certificateChain: decodePem("CERTIFICATE", document.certificateChainPem),
    authorities: document.authoritiesPem.flatMap((pem) => decodePem("CERTIFICATE", pem)),
  };
  const accepted = acceptGrant(grant, { ...expected, key, skewMs: 0, rootHashes: undefined });
  return accepted.ok ? accepted.value : undefined;
}

function pathOf(keep: Keep): string {
  return `${keep.directory}/identity.json`;
}

interface Document {
  readonly trustDomain: string;
  readonly privateKeyPem: string;
  readonly certificateChainPem: string;
  readonly authoritiesPem: readonly string[];
}

function parseDocument(text: string): Document | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isDocument(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDocument(value: unknown): value is Document {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const texts = ["trustDomain", "privateKeyPem", "certificateChainPem"];
  const authorities = fields.get("authoritiesPem");
  return (
    fields.get("version") === 1 &&
    texts.every((name) => typeof fields.get(name) === "string") &&
    Array.isArray(authorities) &&
    authorities.every((each) => typeof each === "string")
  );
}

/** One trust domain for a benchmark: the same certificates for every peer, valid for a few hours, thrown away with the folder. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bundle, svidDnsName, type TlsIdentity } from "#identity";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";

export const CLIENT = "shop/front";
export const SERVER = "shop/back";

const DAY_MS = 86_400_000;

export interface Certificates {
  readonly client: TlsIdentity;
  readonly server: TlsIdentity;
  readonly bundle: Bundle;
  /** The name by which the server's certificate is verified. */
  readonly serverName: string;
  readonly authorityFile: string;
  /** Certificate chain and key in one file, or each in its own. */
  readonly clientFiles: PairFiles;
  readonly serverFiles: PairFiles;
}

export interface PairFiles {
  readonly chain: string;
  readonly key: string;
  readonly both: string;
}

/** Makes an authority and the two workloads' certificates; writes them to the folder, which only this user may read. */
export function makeCertificates(folder: string): Certificates {
  const authority = fakeAuthority("bench.example");
  const notAfterMs = Date.now() + DAY_MS;
  const client = authority.identity(CLIENT, { notAfterMs });
  const server = authority.identity(SERVER, { notAfterMs });
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const files = (name: string, { certificateChainPem, privateKeyPem }: TlsIdentity): PairFiles => ({
    chain: file(`${name}.crt`, certificateChainPem),
    key: file(`${name}.key`, privateKeyPem),
    both: file(`${name}.pem`, certificateChainPem + privateKeyPem),
  });
  return {
    client,
    server,
    bundle: authority.bundle,
    serverName: svidDnsName(server.spiffeId),
    authorityFile: file("authority.crt", authority.pem),
    clientFiles: files("client", client),
    serverFiles: files("server", server),
  };
}

/** Which authority of the company's stands above the mesh's own, and by which way it is asked. */
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Clock, Timers } from "#engine/time";
import type { TrustDomain } from "#identity";
import { type UpstreamAuthority, upstreamFiles } from "#identity/authority";
import { upstreamCommand } from "./upstream-command.ts";
import { upstreamVault } from "./upstream-vault.ts";

export type UpstreamSettings =
  /** A program that certifies, without arguments. */
  | { readonly kind: "command"; readonly program: string }
  | {
      readonly kind: "files";
      readonly certificateFile: string;
      readonly keyFile: string;
      readonly rootFile?: string | undefined;
      readonly passphraseFile?: string | undefined;
    }
  /** The PKI secrets engine of Vault, at the URL of its mount. */
  | { readonly kind: "vault"; readonly url: string; readonly tokenFile: string; readonly caFile?: string | undefined };

export interface UpstreamSurroundings {
  readonly trustDomain: TrustDomain;
  readonly files: PrivateFiles;
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "after">;
  readonly random: Pick<Random, "bytes">;
}

export function upstreamOf(settings: UpstreamSettings, by: UpstreamSurroundings): UpstreamAuthority {
  switch (settings.kind) {
    case "command":
      return upstreamCommand({ ...settings, ...by });
    case "files":
      return upstreamFiles({ ...settings, ...by });
    case "vault":
      return upstreamVault({ ...settings, ...by });
  }
}

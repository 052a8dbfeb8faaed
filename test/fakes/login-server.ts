/** A whole control plane of this process whose people log in by a provider. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { valueOrThrow } from "#model";
import { type ControlPlane, startControlPlane } from "#server";
import type { FakeOidcServer } from "./oidc-server.ts";
import { freePort } from "./running-mesh.ts";

/** Its data is in `data` of the folder. */
export async function startLoginServer(
  directory: string,
  provider: FakeOidcServer,
  consoleDirectory?: string,
): Promise<ControlPlane> {
  const clientSecretFile = join(directory, "client.secret");
  writeFileSync(clientSecretFile, provider.clientSecret, { mode: 0o600 });
  const { issuer, clientId } = provider;
  return valueOrThrow(
    await startControlPlane({
      dataDirectory: join(directory, "data"),
      api: { address: "127.0.0.1", port: await freePort() },
      agents: { address: "127.0.0.1", port: 0 },
      trustDomain: "shop.example",
      version: "1",
      consoleDirectory,
      identityProvider: { issuer, clientId, clientSecretFile, scopes: "openid email", groupsClaim: "groups" },
      log: () => {},
    }),
  );
}

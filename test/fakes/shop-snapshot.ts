/** The shop of the examples as a snapshot: its own policies, and one ready replica of each service. */
import { readdirSync, readFileSync } from "node:fs";
import { parseTrustDomain, workloadSpiffeId } from "#identity";
import { emptySnapshot, type MeshSnapshot, nextSnapshot } from "#mesh";
import { valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const SERVICES = [
  "edge",
  "lb",
  "storefront",
  "cart",
  "catalog",
  "checkout",
  "inventory",
  "payments",
  "recommendations",
];
const FOLDER = "examples/shop/policies";

export function shopSnapshot(): MeshSnapshot {
  const files = readdirSync(FOLDER).map((file) => ({ file, text: readFileSync(`${FOLDER}/${file}`, "utf8") }));
  const registrations = SERVICES.map((name) => ({
    namespace: "shop",
    serviceAccount: name,
    instance: `${name}-1`,
    spiffeId: workloadSpiffeId(trustDomain, "shop", name),
    address: "127.0.0.1",
    meshPort: 15_008,
    appPort: 8080,
    labels: { app: name, "heddle.dev/service": name },
    ready: true,
  }));
  return nextSnapshot(emptySnapshot(trustDomain), {
    resources: valueOrThrow(parseManifests(files)),
    registrations: new Map(registrations.map((each) => [`shop/${each.instance}`, each])),
  });
}

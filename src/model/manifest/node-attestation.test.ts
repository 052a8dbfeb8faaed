import { expect, test } from "bun:test";
import { valueOrThrow } from "#model";
import { parseManifests, writeManifests } from "./index.ts";

const pem = "-----BEGIN CERTIFICATE-----\\nAA==\\n-----END CERTIFICATE-----\\n";
const x509pop = `x509pop: { caCertificates: "${pem}" }`;
const manifest = (spec: string): string =>
  `apiVersion: heddle.dev/v1\nkind: NodeAttestation\nmetadata: { name: n }\nspec: ${spec}\n`;
const parse = (text: string) => parseManifests([{ file: "n.yaml", text }]);

test("an attestation is read, and written as it was", () => {
  const [read, ...more] = valueOrThrow(
    parse(
      manifest(`{ ${x509pop}, identities: [{ workloads: ["edge/{commonName}", "shop/*"], where: { uri: [a*] } }] }`),
    ),
  );
  expect(read).toMatchObject({
    spec: {
      attestor: { kind: "x509pop" },
      identities: [{ workloads: ["edge/{commonName}", "shop/*"], where: { uri: ["a*"] } }],
    },
  });
  expect(valueOrThrow(parse(writeManifests(read === undefined ? [] : [read, ...more])))).toEqual(
    read === undefined ? [] : [read],
  );
});

test.each([
  [`{ identities: [{ workloads: [a/b] }] }`, "spec"],
  [`{ ${x509pop}, identities: [] }`, "spec.identities"],
  [`{ ${x509pop}, identities: [{ workloads: [] }] }`, "spec.identities[0].workloads"],
  [`{ ${x509pop}, identities: [{ workloads: [cart] }] }`, "spec.identities[0].workloads[0]"],
  [`{ ${x509pop}, identities: [{ workloads: ["shop/c*"] }] }`, "spec.identities[0].workloads[0]"],
  [`{ ${x509pop}, identities: [{ workloads: ["shop/{region}"] }] }`, "spec.identities[0]"],
  [`{ ${x509pop}, identities: [{ workloads: [a/b], where: { region: [x] } }] }`, "spec.identities[0]"],
  [`{ ${x509pop}, identities: [{ workloads: [a/b], where: { uri: [] } }] }`, "spec.identities[0].where.uri"],
  [`{ ${x509pop}, identities: [{ workloads: [a/b], where: { uri: ["a*b"] } }] }`, "spec.identities[0].where.uri[0]"],
  [`{ x509pop: { caCertificates: x }, identities: [{ workloads: [a/b] }] }`, "spec.x509pop.caCertificates"],
])("%s is refused at %s", (spec, field) => {
  const read = parse(manifest(spec));
  expect(read.ok ? "ok" : read.problems[0].at?.field).toBe(field);
});

/** An instance identity token of Google Cloud, in its full format, for an audience that ends with the server's nonce. */
import { failure, type NodeAttestor, problem, type Result, success } from "#model";
import type { AttestedNode, NodeEvidence } from "./evidence.ts";
import { verifyNodeToken } from "./node-token.ts";

const ISSUER = "https://accounts.google.com";
/** They hold for an hour. */
const LIFE_MAX_MS = 2 * 3_600_000;
const TEXT_CHARS_MAX = 512;

/** The audience that the metadata server is asked for: the token is then good for this attempt alone. */
export function gcpAudience(audience: string, nonce: Uint8Array): string {
  return `${audience}/${Buffer.from(nonce).toString("hex")}`;
}

/** Fails with `HDL_ATTESTATION_EVIDENCE`. */
export function attestGcp(
  { token }: Extract<NodeEvidence, { readonly kind: "gcp" }>,
  { audience, jwks, projects }: Extract<NodeAttestor, { readonly kind: "gcp" }>,
  by: { readonly nowMs: number; readonly nonce: Uint8Array },
): Result<AttestedNode> {
  const pins = { issuer: ISSUER, audience: gcpAudience(audience, by.nonce), jwks, lifeMaxMs: LIFE_MAX_MS };
  const claims = verifyNodeToken(token, pins, by.nowMs);
  if (!claims.ok) return claims;
  const google = membersOf(claims.value["google"]);
  const engine = membersOf(google["compute_engine"]);
  const project = textOf(engine["project_id"]);
  const instance = textOf(engine["instance_id"]);
  if (project === "" || instance === "") return refuse("does not say which instance it is of; ask for format=full");
  if (!projects.includes(project)) return refuse("is of an instance of another project");
  const facts = {
    project: [project],
    instance: [instance],
    instanceName: [textOf(engine["instance_name"])],
    zone: [textOf(engine["zone"])],
    serviceAccount: claims.value["email_verified"] === true ? [textOf(claims.value["email"])] : [],
  };
  return success({ name: `${project}/${instance}`, facts });
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" && value.length <= TEXT_CHARS_MAX ? value : "";
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_ATTESTATION_EVIDENCE", `The token of the instance ${why}.`));
}

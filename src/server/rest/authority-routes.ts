import type { FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { type AuthorityView, authoritySchema, revocationBodySchema, rotationBodySchema } from "#api";
import { sha256Hex } from "#engine/crypto";
import type { Clock } from "#engine/time";
import { firstCertificate, parseCertificate, workloadSpiffeId } from "#identity";
import { type AuditLine, valueOrThrow } from "#model";
import type { AgentPlane } from "../agent-plane.ts";
import { actorOf, rightsOf } from "./credentials-hook.ts";

export interface AuthorityRoutesOptions {
  readonly plane: Pick<AgentPlane, "identity" | "federation">;
  readonly audit: (line: AuditLine) => void;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Members that are named where only their number matters. */
const NAMED_MAX = 20;

/** The certificate authority: what it holds, its rotations, and revocation. */
export function registerAuthority(app: FastifyInstance, { plane, audit, clock }: AuthorityRoutesOptions): void {
  const { identity } = plane;
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const write = (line: Omit<AuditLine, "atMs">): void => audit({ atMs: clock.nowMs(), ...line });
  typed.get("/api/v1/authority", { schema: { response: { 200: authoritySchema } } }, () => authorityView(plane));
  typed.post(
    "/api/v1/authority/rotations",
    { schema: { body: rotationBodySchema, response: { 200: authoritySchema } } },
    async (request) => {
      const { what } = request.body;
      const id = valueOrThrow(await identity.rotation.begin(what));
      write({ actor: actorOf(request), action: "authority-rotation-begun", detail: `${what} ${id}`, namespaces: [] });
      return authorityView(plane);
    },
  );
  typed.post(
    "/api/v1/authority/rotations/force",
    { schema: { response: { 200: authoritySchema } } },
    async (request) => {
      const step = valueOrThrow(await identity.rotation.force());
      const detail = step?.step ?? "nothing to do";
      write({ actor: actorOf(request), action: "authority-rotation-forced", detail, namespaces: [] });
      return authorityView(plane);
    },
  );
  typed.post(
    "/api/v1/authority/revocations",
    { schema: { body: revocationBodySchema, response: { 200: authoritySchema } } },
    async (request) => {
      const { namespace, serviceAccount, instance } = request.body;
      rightsOf(request).require("secure", namespace, `revoke the identity of ${namespace}/${serviceAccount}`);
      const spiffeId = workloadSpiffeId(identity.authority.trustDomain, namespace, serviceAccount);
      valueOrThrow(await identity.revoke({ spiffeId, instance }));
      const detail = `${spiffeId.uri}${instance === undefined ? "" : ` ${instance}`}`;
      write({ actor: actorOf(request), action: "identity-revoked", detail, namespaces: [namespace] });
      return authorityView(plane);
    },
  );
}

function authorityView({ identity, federation }: AuthorityRoutesOptions["plane"]): AuthorityView {
  const { authority, rotation } = identity;
  const { phase, isPublished, total, unconfirmed, unrenewed } = rotation.progress;
  const { trustDomain, bundle, roots, slots } = authority;
  return {
    trustDomain,
    sequence: bundle.sequence,
    phase,
    isPublished,
    roots: roots.map(({ id, certificate }) => ({
      id,
      hash: sha256Hex(firstCertificate(certificate)),
      certificate,
      ...endOf(certificate),
    })),
    issuing: slots.map(({ id, root, status, certificate }) => ({ id, root, status, ...endOf(certificate) })),
    members: {
      total,
      confirmed: total - unconfirmed.length,
      renewed: total - unrenewed.length,
      unconfirmed: unconfirmed.slice(0, NAMED_MAX),
      unrenewed: unrenewed.slice(0, NAMED_MAX),
    },
    revocations: bundle.revocations?.length ?? 0,
    federated: federation.states.map(({ trustDomain: domain, sequence, fetchedAtMs, problem }) => ({
      trustDomain: domain,
      isKnown: sequence !== undefined,
      sequence: sequence ?? 0,
      fetchedAtMs: fetchedAtMs ?? 0,
      problem,
    })),
  };
}

function endOf(pem: string): { readonly notAfterMs: number } {
  return { notAfterMs: valueOrThrow(parseCertificate(firstCertificate(pem))).notAfterMs };
}

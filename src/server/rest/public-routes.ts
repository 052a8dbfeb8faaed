import type { FastifyInstance } from "fastify";
import type { Bundle } from "#identity";
import { type PublicDocument, publishedBundle, publishedKeySet, publishedProvider } from "../federation/published.ts";

export interface PublicRoutesOptions {
  readonly bundle: () => Bundle;
  /** URL under which this API is the issuer of JWT-SVIDs; undefined offers no provider. */
  readonly issuer: string | undefined;
}

/** What needs no credential: the trust domain's own public keys. */
export function registerPublic(app: FastifyInstance, { bundle, issuer }: PublicRoutesOptions): void {
  const offer = (path: string, document: () => PublicDocument): void => {
    app.get(path, { schema: { hide: true } }, (_, reply) => {
      const { contentType, body } = document();
      return reply.type(contentType).send(body);
    });
  };
  offer("/.well-known/spiffe-bundle", () => publishedBundle(bundle()));
  offer("/.well-known/jwks.json", () => publishedKeySet(bundle()));
  if (issuer !== undefined) offer("/.well-known/openid-configuration", () => publishedProvider(issuer));
}

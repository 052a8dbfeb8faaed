/** A rule of a RequestAuthentication as it goes to agents: with the keys themselves in place of where they come from. */
import type { IssuerKeySource, JwtRule, RequestAuthentication } from "#model";

export interface TokenRule extends Pick<JwtRule, "issuer" | "audiences" | "from" | "output" | "isForwarded"> {
  /** `RequestAuthentication/namespace/name`, for logs, flows and answers. */
  readonly label: string;
  /** The issuer's public keys, a JSON Web Key Set; "" while they are not known, and then none of its tokens is taken. */
  readonly jwks: string;
}

/** `keysOf` gives the keys of a source as far as they are known. */
export function lowerRequestAuthentication(
  { metadata, spec }: RequestAuthentication,
  keysOf: (source: IssuerKeySource) => string | undefined,
): readonly TokenRule[] {
  const label = `RequestAuthentication/${metadata.namespace}/${metadata.name}`;
  return spec.jwtRules.map(({ issuer, audiences, from, output, isForwarded, keys }) => ({
    label,
    issuer,
    audiences,
    from,
    output,
    isForwarded,
    jwks: keysOf(keys) ?? "",
  }));
}

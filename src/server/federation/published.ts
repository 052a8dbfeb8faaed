/** What anybody may read of the trust domain: its bundle, and the keys of its JWT-SVIDs as an OpenID Connect provider gives them. */
import { jwkOf } from "#engine/crypto";
import { type Bundle, encodeBundleDocument, encodeJwtKeySet } from "#identity";

export interface PublicDocument {
  readonly contentType: string;
  readonly body: string;
}

const JSON_TYPE = "application/json";
/** How soon others should look again, seconds. A new key signs only after all who look have had the time to. */
export const BUNDLE_REFRESH_S = 5;
const CODEC = { jwkOf };

/** The bundle (SPIFFE Federation §5). */
export function publishedBundle(bundle: Bundle): PublicDocument {
  return { contentType: JSON_TYPE, body: encodeBundleDocument(bundle, BUNDLE_REFRESH_S, CODEC) };
}

/** The JSON Web Key set that OpenID Connect Discovery §3 calls `jwks_uri`. */
export function publishedKeySet(bundle: Bundle): PublicDocument {
  return { contentType: JSON_TYPE, body: encodeJwtKeySet(bundle, CODEC) };
}

/** The provider's metadata (OpenID Connect Discovery §3), as clouds need it to take a JWT-SVID for a role of theirs. */
export function publishedProvider(issuer: string): PublicDocument {
  const metadata = {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    authorization_endpoint: "urn:heddle:not-offered",
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
  };
  return { contentType: JSON_TYPE, body: `${JSON.stringify(metadata, undefined, 2)}\n` };
}

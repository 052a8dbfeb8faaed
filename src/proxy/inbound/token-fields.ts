/** Fields that tokens make necessary. */
import type { FieldList } from "#wire/fields";

/** What a caller with an invalid token is answered (RFC 6750 §3). `why` goes on after "The token"; "" tells nothing. */
export function tokenChallenge(why: string): FieldList {
  const description = why === "" ? "" : `, error_description="The token ${why}."`;
  return ["www-authenticate", `Bearer realm="heddle", error="invalid_token"${description}`];
}

/** The request's fields with another path. */
export function withPath(fields: FieldList, path: string): FieldList {
  return fields.map((each, index) => (index % 2 === 1 && fields[index - 1] === ":path" ? path : each));
}

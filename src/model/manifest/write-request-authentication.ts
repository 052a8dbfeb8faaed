/** RequestAuthentication as users write it. Read again it is the same. */
import type { IssuerKeySource, JwtRule, RequestAuthentication } from "#model";
import { compact } from "./compact.ts";
import { formatDuration } from "./fields.ts";

export function requestAuthenticationSpec({ selector, targetRefs, jwtRules }: RequestAuthentication["spec"]): object {
  return {
    ...(selector === undefined ? {} : { selector: { matchLabels: selector } }),
    ...(targetRefs.length === 0 ? {} : { targetRefs }),
    ...(jwtRules.length === 0 ? {} : { jwtRules: jwtRules.map(writtenRule) }),
  };
}

function writtenRule({ issuer, audiences, keys, from, output, isForwarded, timeoutMs }: JwtRule): unknown {
  return compact({
    issuer,
    audiences,
    ...writtenKeys(keys),
    fromHeaders: from.headers.map(({ name, prefix }) => (prefix === "" ? { name } : { name, prefix })),
    fromParams: from.params,
    fromCookies: from.cookies,
    ...(output.payloadHeader === "" ? {} : { outputPayloadToHeader: output.payloadHeader }),
    outputClaimToHeaders: output.claimHeaders,
    forwardOriginalToken: isForwarded,
    timeout: formatDuration(timeoutMs),
  });
}

function writtenKeys(keys: IssuerKeySource): object {
  switch (keys.kind) {
    case "inline":
      return { jwks: keys.jwks };
    case "uri":
      return { jwksUri: keys.uri };
    case "discovery":
      return {};
  }
}

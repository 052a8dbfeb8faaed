/** `AuthorizationProvider`, as users write it. */
import { z } from "zod";
import type { AuthorizationProvider, CheckedBody } from "#model";
import { compact } from "./compact.ts";
import { certificatesPem, durationMs, formatDuration } from "./fields.ts";
import { metadata } from "./metadata.ts";
import { fieldName, fieldValue, isReservedField } from "./route-fields.ts";

/** A request waits for it. */
const TIMEOUT_MS_MAX = 30_000;
/** Less than the agents let a caller send before anything is read. */
const BODY_BYTES_MAX = 64 * 1024;
const HEADERS_MAX = 64;
const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/;

/** Requests and their credentials are told to it: beyond the own host not in the clear. */
function isGuarded(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || /[#@?\s]/.test(text)) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
}

const url = z
  .string()
  .max(2048)
  .refine(isGuarded, "must be a URL that begins with `https://` (or `http://` on loopback), without user or query")
  .transform((text) => text.replace(/\/+$/, ""));

const pattern = z
  .string()
  .max(256)
  .regex(
    /^(?:\*?[!#$%&'+.^_`|~0-9A-Za-z-]+|[!#$%&'+.^_`|~0-9A-Za-z-]+\*)$/,
    "must be a header's name, `abc*` or `*abc`",
  )
  .transform((name) => name.toLowerCase());
const patterns = z.array(pattern).max(HEADERS_MAX).default([]);
const ownPatterns = z
  .array(pattern.refine((name) => !isReservedField(name), "names a header that the agents write themselves"))
  .max(HEADERS_MAX)
  .default([]);

const body = z
  .strictObject({
    maxRequestBytes: z.int().min(1).max(BODY_BYTES_MAX),
    allowPartialMessage: z.boolean().default(false),
    packAsBytes: z.boolean().default(false),
  })
  .transform(
    (said): CheckedBody => ({
      bytesMax: said.maxRequestBytes,
      isPartialAllowed: said.allowPartialMessage,
      isRaw: said.packAsBytes,
    }),
  );

const shared = {
  url,
  caCertificates: certificatesPem.default(""),
  timeout: durationMs.refine((ms) => ms >= 1 && ms <= TIMEOUT_MS_MAX, "must be from 1ms to 30s").default(1000),
  failOpen: z.boolean().default(false),
  statusOnError: z.int().min(400).max(599).default(403),
  includeRequestBodyInCheck: body.optional(),
};

const grpc = z
  .strictObject(shared)
  .refine((said) => URL.parse(said.url)?.pathname === "/", { path: ["url"], message: "must have no path for gRPC" });

const http = z.strictObject({
  ...shared,
  includeRequestHeadersInCheck: patterns,
  includeAdditionalHeadersInCheck: z.record(fieldName, fieldValue).default({}),
  headersToUpstreamOnAllow: ownPatterns,
  headersToDownstreamOnAllow: ownPatterns,
  headersToDownstreamOnDeny: ownPatterns,
});

type Shared = z.output<typeof grpc>;
type Settings = AuthorizationProvider["spec"];

const NO_HEADERS: Settings["headers"] = {
  inCheck: [],
  additional: [],
  upstreamOnAllow: [],
  downstreamOnAllow: [],
  downstreamOnDeny: [],
};

function settingsOf(protocol: Settings["protocol"], said: Shared, headers: Settings["headers"]): Settings {
  return {
    protocol,
    url: said.url,
    caCertificates: said.caCertificates,
    timeoutMs: said.timeout,
    isFailOpen: said.failOpen,
    statusOnError: said.statusOnError,
    body: said.includeRequestBodyInCheck,
    headers,
  };
}

function httpSettings(said: z.output<typeof http>): Settings {
  return settingsOf("http", said, {
    inCheck: said.includeRequestHeadersInCheck,
    additional: Object.entries(said.includeAdditionalHeadersInCheck).map(([name, value]) => ({ name, value })),
    upstreamOnAllow: said.headersToUpstreamOnAllow,
    downstreamOnAllow: said.headersToDownstreamOnAllow,
    downstreamOnDeny: said.headersToDownstreamOnDeny,
  });
}

export const authorizationProvider = z
  .strictObject({
    apiVersion: z.literal("heddle.dev/v1"),
    kind: z.literal("AuthorizationProvider"),
    metadata: metadata(false),
    spec: z.strictObject({ http: http.optional(), grpc: grpc.optional() }),
  })
  .transform(({ spec, ...rest }, context): AuthorizationProvider => {
    if (spec.http !== undefined && spec.grpc === undefined) return { ...rest, spec: httpSettings(spec.http) };
    if (spec.grpc !== undefined && spec.http === undefined)
      return { ...rest, spec: settingsOf("grpc", spec.grpc, NO_HEADERS) };
    context.addIssue({ code: "custom", path: ["spec"], message: "needs either `http` or `grpc`" });
    return z.NEVER;
  });

/** As users write it. Read again it is the same. */
export function authorizationProviderSpec({ protocol, headers, body: shown, ...said }: Settings): object {
  const { inCheck, additional, upstreamOnAllow, downstreamOnAllow, downstreamOnDeny } = headers;
  return {
    [protocol]: compact({
      url: said.url,
      ...(said.caCertificates === "" ? {} : { caCertificates: said.caCertificates }),
      timeout: formatDuration(said.timeoutMs),
      failOpen: said.isFailOpen,
      statusOnError: said.statusOnError,
      includeRequestBodyInCheck: shown && {
        maxRequestBytes: shown.bytesMax,
        allowPartialMessage: shown.isPartialAllowed,
        packAsBytes: shown.isRaw,
      },
      includeRequestHeadersInCheck: inCheck,
      includeAdditionalHeadersInCheck: Object.fromEntries(additional.map(({ name, value }) => [name, value])),
      headersToUpstreamOnAllow: upstreamOnAllow,
      headersToDownstreamOnAllow: downstreamOnAllow,
      headersToDownstreamOnDeny: downstreamOnDeny,
    }),
  };
}

/** External authorization over gRPC: `Check` of `envoy.service.auth.v3.Authorization`, the protocol of Envoy's `ext_authz`. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { NamedProvider } from "#model";
import { Authorization as AuthorizationService, CheckRequestSchema, type CheckResponse } from "#proto";
import type { Authorization, CheckedHttp, CheckedRequest } from "#proxy";
import type { ClosableAuthorizer } from "./authorizers.ts";

const ANSWER_BYTES_MAX = 64 * 1024;
/** A dead authorizer is noticed within the sum of both; an idle connection is let go of. */
const SESSION = { pingIntervalMs: 10_000, pingTimeoutMs: 5000, idleConnectionTimeoutMs: 300_000 };

export function grpcAuthorizer({ url, timeoutMs, ...provider }: NamedProvider): ClosableAuthorizer {
  const trust = provider.caCertificates === "" ? undefined : { ca: provider.caCertificates };
  const sessionManager = new Http2SessionManager(url, SESSION, trust);
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager,
    readMaxBytes: ANSWER_BYTES_MAX,
    acceptCompression: [],
  });
  const client = createClient(AuthorizationService, transport);
  let open = 0;
  let isClosed = false;
  const done = (): void => {
    if (isClosed && open === 0) sessionManager.abort();
  };
  return {
    isFailOpen: provider.isFailOpen,
    statusOnError: provider.statusOnError,
    body: provider.body,
    async check(request, signal) {
      open++;
      try {
        const asked = create(CheckRequestSchema, checkRequest(request, provider.body?.isRaw === true));
        return authorizationOf(await client.check(asked, { signal, timeoutMs }));
      } catch {
        return { kind: "unavailable" };
      } finally {
        open--;
        done();
      }
    },
    close() {
      isClosed = true;
      done();
    },
  };
}

function checkRequest(
  { source, destination, receivedMs, http }: CheckedRequest,
  isRaw: boolean,
): MessageInitShape<typeof CheckRequestSchema> {
  return {
    attributes: {
      source: { principal: source.spiffeId, address: addressOf(source.address, 0) },
      destination: { principal: destination.spiffeId, address: addressOf(destination.address, destination.port) },
      request: {
        time: timestampFromMs(Math.floor(receivedMs)),
        ...(http === undefined ? {} : { http: httpRequest(http, isRaw) }),
      },
    },
  };
}

function addressOf(address: string, portValue: number) {
  return {
    address: {
      case: "socketAddress" as const,
      value: { address, portSpecifier: { case: "portValue" as const, value: portValue } },
    },
  };
}

function httpRequest({ id, method, path, authority, fields, body, isPartial }: CheckedHttp, isRaw: boolean) {
  const shown = body ?? new Uint8Array();
  return {
    id,
    method,
    path,
    host: authority,
    scheme: "http",
    protocol: "HTTP/2",
    size: BigInt(body === undefined || isPartial ? -1 : body.length),
    headers: merged(fields, { ":method": method, ":path": path, ":authority": authority }),
    ...(isRaw ? { rawBody: shown } : { body: new TextDecoder().decode(shown) }),
  };
}

/** Fields of one name are joined (RFC 9110 §5.3; cookies RFC 9113 §8.2.3). */
function merged(fields: readonly string[], pseudo: Readonly<Record<string, string>>): Record<string, string> {
  const headers = new Map(Object.entries(pseudo));
  for (let index = 0; index < fields.length; index += 2) {
    const [name = "", value = ""] = [fields[index], fields[index + 1]];
    const held = headers.get(name);
    headers.set(name, held === undefined ? value : `${held}${name === "cookie" ? "; " : ","}${value}`);
  }
  return Object.fromEntries(headers);
}

type HeaderOptions = Extract<CheckResponse["httpResponse"], { case: "okResponse" }>["value"]["headers"];

function authorizationOf({ status, httpResponse }: CheckResponse): Authorization {
  const code = status?.code ?? 0;
  if (code === 0 && httpResponse.case !== "deniedResponse") {
    const {
      headers = [],
      headersToRemove = [],
      responseHeadersToAdd = [],
    } = httpResponse.case === "okResponse" ? httpResponse.value : {};
    return {
      kind: "allowed",
      set: fieldsOf(headers.filter(({ append }) => append !== true)),
      added: fieldsOf(headers.filter(({ append }) => append === true)),
      removed: headersToRemove.map((name) => name.toLowerCase()),
      answer: fieldsOf(responseHeadersToAdd),
    };
  }
  if (httpResponse.case !== "deniedResponse") return { kind: "denied", status: FORBIDDEN, fields: [], body: "" };
  const { status: http, headers, body } = httpResponse.value;
  return { kind: "denied", status: http?.code ?? FORBIDDEN, fields: fieldsOf(headers), body };
}

const FORBIDDEN = 403;

function fieldsOf(headers: HeaderOptions): string[] {
  return headers.flatMap(({ header }) => {
    if (header === undefined) return [];
    const value = header.value === "" ? Buffer.from(header.rawValue).toString("latin1") : header.value;
    return [header.key.toLowerCase(), value];
  });
}

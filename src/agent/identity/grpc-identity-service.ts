import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { dialHttp2, type Http2Connection } from "#engine/http2-client";
import type { Clock } from "#engine/time";
import { ownBundle, serverSpiffeId, svidDnsName } from "#identity";
import {
  failure,
  PROBLEM_CODES,
  type ProblemCode,
  ProblemError,
  problem,
  type Result,
  success,
  valueOrThrow,
} from "#model";
import { Identity } from "#proto";
import { evidenceMessage } from "./evidence-message.ts";
import { trustByBundle, trustByRootHash } from "./server-trust.ts";
import type { AttestCall, EnrolCall, IdentityService, RenewCall, SvidGrant } from "./service.ts";

export interface GrpcIdentityServiceOptions {
  /** `host:port` of the server's listener for agents, for renewals; a first contact goes where the join token says. */
  readonly server: string;
  readonly clock: Pick<Clock, "nowMs">;
  /** Bounds connecting, and again the call, milliseconds. Default 10 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 65_536;
const PROBLEM_HEADER = "heddle-problem";

/** The server's Identity service over gRPC. Each call has a connection of its own: calls are rare, and each shows the newest identity. */
export function grpcIdentityService(options: GrpcIdentityServiceOptions): IdentityService {
  const { clock, timeoutMs = TIMEOUT_MS } = options;
  return {
    async enrol({ token, ...request }: EnrolCall, signal) {
      const accept = (chain: readonly Uint8Array[]) => trustByRootHash(chain, [token.rootHash], clock.nowMs());
      const address = splitAddress(token.server);
      const connected = await dialHttp2({ ...address, serverName: "heddle-server", accept, timeoutMs, signal });
      if (!connected.ok) return connected;
      return call(connected.value, (client) => client.enrol(request, { signal, timeoutMs }));
    },

    async attest({ rootHashes, prove, ...request }: AttestCall, signal) {
      const accept = (chain: readonly Uint8Array[]) => trustByRootHash(chain, rootHashes, clock.nowMs());
      const address = splitAddress(options.server);
      const connected = await dialHttp2({ ...address, serverName: "heddle-server", accept, timeoutMs, signal });
      if (!connected.ok) return connected;
      return call(connected.value, async (client) => {
        // Over one connection: the nonce is good on no other.
        const { nonce } = await client.challenge({}, { signal, timeoutMs });
        const evidence = valueOrThrow(await prove({ ...request, nonce }));
        return client.enrol({ ...request, evidence: evidenceMessage(evidence) }, { signal, timeoutMs });
      });
    },

    async renew({ identity, ...request }: RenewCall, signal) {
      const connected = await dialHttp2({
        ...splitAddress(options.server),
        serverName: svidDnsName(serverSpiffeId(identity.spiffeId.trustDomain)),
        identity,
        accept: (chain) => trustByBundle(chain, ownBundle(identity), clock.nowMs()),
        timeoutMs,
        signal,
      });
      if (!connected.ok) return connected;
      return call(connected.value, (client) => client.renew(request, { signal, timeoutMs }));
    },
  };
}

type IdentityClient = ReturnType<typeof createClient<typeof Identity>>;

async function call(
  connection: Http2Connection,
  ask: (client: IdentityClient) => Promise<SvidGrant>,
): Promise<Result<SvidGrant>> {
  const { sessionManager } = connection;
  const transport = createGrpcTransport({
    baseUrl: sessionManager.authority,
    sessionManager,
    readMaxBytes: ANSWER_BYTES_MAX,
    acceptCompression: [],
  });
  try {
    return success(await ask(createClient(Identity, transport)));
  } catch (cause) {
    if (cause instanceof ProblemError) return failure(...cause.problems);
    return refused(ConnectError.from(cause));
  } finally {
    connection.close();
  }
}

/** The server's own problem where it names one; an unknown code of a newer server is shown by its message. */
function refused(error: ConnectError): Result<never> {
  const named = error.metadata.get(PROBLEM_HEADER) ?? "";
  if (isProblemCode(named)) return failure(problem(named, error.rawMessage.slice(0, 500)));
  const code =
    error.code === Code.PermissionDenied ? "HDL_ENROLMENT_SERVER_REFUSED" : "HDL_ENROLMENT_SERVER_UNREACHABLE";
  return failure(
    problem(code, `The server did not issue a certificate: ${error.rawMessage.slice(0, 500)}`, { cause: error }),
  );
}

function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(PROBLEM_CODES, text);
}

/** `host:port`, with IPv6 addresses in brackets. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(address.slice(colon + 1)) };
}

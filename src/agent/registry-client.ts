import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { failure, problem, type Result, success } from "#model";
import { Registry } from "#proto";

/** What an agent says of its workload. */
export interface Announcement {
  readonly instance: string;
  /** Of the inbound mesh listener, as other agents reach it. */
  readonly address: string;
  readonly meshPort: number;
  readonly appPort: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether the app answers; only then is the workload given out as an endpoint. */
  readonly ready: boolean;
  /** Of the configuration in force. */
  readonly revision: number;
  /** Expiry of the SVID that the inbound listener serves, milliseconds since the epoch. */
  readonly servedSvidNotAfterMs: number;
  /** Serial of that SVID; empty when nothing is served yet. */
  readonly servedSvidSerial: string;
  /** Sequence of the own trust domain's bundle by which peers are judged. */
  readonly bundleSequence: number;
  readonly agentVersion: string;
  readonly mode: "sidecar" | "gateway";
}

const TIMEOUT_MS = 5000;

/** The server's Registry service, for `Lease`: each call is bounded and fails with `HDL_AGENT_ANNOUNCE`. */
export interface RegistryClient {
  /** The life of the lease, milliseconds. */
  announce(announcement: Announcement): Promise<Result<number>>;
  withdraw(instance: string): Promise<Result<void>>;
  /** A token of the issuer names a key that the agent was not given. */
  reportUnknownKey(issuer: string): Promise<Result<void>>;
}

export function registryClient(transport: Transport): RegistryClient {
  const client = createClient(Registry, transport);
  return {
    announce: ({ revision, servedSvidNotAfterMs, bundleSequence, labels, ...rest }) =>
      settle(async () => {
        const request = {
          ...rest,
          labels: { ...labels },
          revision: BigInt(revision),
          bundleSequence: BigInt(bundleSequence),
          servedSvidNotAfterMs: BigInt(Math.max(0, Math.trunc(servedSvidNotAfterMs))),
        };
        return (await client.announce(request, { timeoutMs: TIMEOUT_MS })).leaseMs;
      }),
    withdraw: (instance) =>
      settle(async () => {
        await client.withdraw({ instance }, { timeoutMs: TIMEOUT_MS });
      }),
    reportUnknownKey: (issuer) =>
      settle(async () => {
        await client.reportUnknownKey({ issuer }, { timeoutMs: TIMEOUT_MS });
      }),
  };
}

async function settle<T>(call: () => Promise<T>): Promise<Result<T>> {
  try {
    return success(await call());
  } catch (cause) {
    const { rawMessage } = ConnectError.from(cause);
    return failure(problem("HDL_AGENT_ANNOUNCE", `The server did not take it: ${rawMessage.slice(0, 500)}`, { cause }));
  }
}

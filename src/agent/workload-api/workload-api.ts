/** The SPIFFE Workload API of one workload on a Unix socket: its own processes get its identity without a secret of theirs. */
import { type ConnectRouter, createContextKey, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type LocalHttp2, type PeerCredentials, serveLocalHttp2 } from "#engine/local-http2";
import type { BundleSet, TlsIdentity } from "#identity";
import { failure, problem, type Result, success } from "#model";
import { SpiffeWorkloadAPI } from "#proto";
import { attestCaller, type Caller, callerOf, isStillThere } from "./attestation.ts";
import type { ProcessSelector } from "./selectors.ts";
import { workloadService } from "./workload-service.ts";

export interface WorkloadApiOptions {
  /** Path of the socket. */
  readonly socket: string;
  /** Whoever meets one of them may have the identity. */
  readonly allow: readonly ProcessSelector[];
  readonly identity: () => TlsIdentity | undefined;
  readonly bundles: () => BundleSet;
  readonly mint: (audience: readonly string[], signal: AbortSignal) => Promise<Result<string>>;
  readonly nowMs: () => number;
}

const callerKey = createContextKey<Promise<Caller> | undefined>(undefined);
const MESSAGE_BYTES_MAX = 65_536;

export class WorkloadApi {
  readonly #options: WorkloadApiOptions;
  readonly #waiting = new Set<() => void>();
  #server: LocalHttp2 | undefined;

  constructor(options: WorkloadApiOptions) {
    this.#options = options;
  }

  async start(): Promise<Result<void>> {
    // Seen as the connection is made: what the pid meant then is what counts.
    const callers = new WeakMap<PeerCredentials, Promise<Caller>>();
    const ofRequest = new WeakMap<object, Promise<Caller>>();
    const handler = connectNodeAdapter({
      contextValues: (request) => createContextValues().set(callerKey, ofRequest.get(request)),
      routes: (router) => this.#addService(router),
      readMaxBytes: MESSAGE_BYTES_MAX,
      acceptCompression: [],
    });
    const server = await serveLocalHttp2({
      path: this.#options.socket,
      onConnection: (caller) => callers.set(caller, callerOf(caller)),
      answer(request, response, caller) {
        const known = callers.get(caller);
        if (known !== undefined) ofRequest.set(request, known);
        handler(request, response);
      },
    });
    if (!server.ok) return server;
    this.#server = server.value;
    return success(undefined);
  }

  /** The identity or a bundle is another now: every stream gets the whole set again. */
  changed(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  async stop(): Promise<void> {
    this.changed();
    await this.#server?.stop();
  }

  #addService(router: ConnectRouter): void {
    const { identity, bundles, mint, allow, nowMs } = this.#options;
    const service = workloadService({
      identity,
      bundles,
      mint,
      nowMs,
      isStillThere,
      changed: (signal) => this.#nextChange(signal),
      async attest(context) {
        const caller = await context.values.get(callerKey);
        if (caller !== undefined) return attestCaller(caller, allow);
        return failure(problem("HDL_WORKLOAD_API_DENIED", "The calling process is not known."));
      },
    });
    router.service(SpiffeWorkloadAPI, service);
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => {
      this.#waiting.delete(wake);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    this.#waiting.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    if (signal.aborted) wake();
    return promise;
  }
}

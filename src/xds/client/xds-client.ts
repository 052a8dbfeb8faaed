import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import type { Random } from "#engine/random";
import type { Timers } from "#engine/time";
import { failure, formatProblem, problem, type Result, type ServiceKey, success } from "#model";
import { AggregatedDiscoveryService, type DeltaDiscoveryRequest, type DeltaDiscoveryResponse } from "#proto";
import { type AgentConfig, configOf, type HeldResources, NOTHING_HELD, neededServices, withNeededServices } from "#xds";
import { type AgentNode, answerTo, openingRequests, resubscription } from "./delta-session.ts";
import { decodeLastGood, encodeLastGood, type LastGood, withResponse } from "./last-good.ts";
import { RequestQueue } from "./request-queue.ts";

export interface XdsClientOptions {
  /** Reaches the server anew for every stream when the last connection is gone. */
  readonly transport: Transport;
  readonly node: AgentNode;
  /** The services that the workload calls. */
  readonly services: readonly ServiceKey[];
  readonly store: LastGood;
  /** SHA-256 in hexadecimal. */
  readonly hash: (bytes: Uint8Array) => string;
  /** Puts a configuration in force. A failure refuses it: the one before stays, here and there. */
  readonly onConfig: (config: AgentConfig) => Result<void>;
  readonly timers: Pick<Timers, "sleep">;
  readonly random: Pick<Random, "next">;
  /** One line for people. */
  readonly log: (line: string) => void;
}

export interface XdsClientState {
  readonly isConnected: boolean;
  /** Revision in force; 0 before any. */
  readonly revision: number;
  /** Whether what is in force came from the disk and the server has not yet spoken. */
  readonly isFromDisk: boolean;
  /** Failed connections since the last that worked. */
  readonly failures: number;
  readonly refusals: number;
  /** The last failure or refusal; empty when the last thing that happened was good. */
  readonly lastProblem: string;
}

/** Waits between attempts: doubled from the first to the longest, each shortened by up to half at random. */
const RETRY_FIRST_MS = 200;
const RETRY_LONGEST_MS = 10_000;

/**
 * Keeps an agent's configuration the server's: loads what was last good, follows the server's stream, puts each change in force or
 * refuses it with its reason, and keeps what is in force while the server is away.
 */
export class XdsClient {
  readonly #options: XdsClientOptions;
  readonly #stopping = new AbortController();
  #held: HeldResources = NOTHING_HELD;
  /** Those of the configuration in force: what is held may be ahead of it while backends of new routes are awaited. */
  #heldInForce: HeldResources = NOTHING_HELD;
  #config: AgentConfig | undefined;
  #isConnected = false;
  #isFromDisk = false;
  #failures = 0;
  #refusals = 0;
  #lastProblem = "";
  #running: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();
  #isSaveQueued = false;

  constructor(options: XdsClientOptions) {
    this.#options = options;
  }

  /** Puts the kept configuration in force, if there is one, and begins to follow the server. */
  async start(): Promise<void> {
    await this.#load();
    this.#running = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#saving;
  }

  /** The configuration in force; undefined before the first. */
  get config(): AgentConfig | undefined {
    return this.#config;
  }

  get state(): XdsClientState {
    return {
      isConnected: this.#isConnected,
      revision: this.#config?.revision ?? 0,
      isFromDisk: this.#isFromDisk,
      failures: this.#failures,
      refusals: this.#refusals,
      lastProblem: this.#lastProblem,
    };
  }

  async #load(): Promise<void> {
    const { store, hash, log } = this.#options;
    const bytes = await store.load();
    if (bytes.ok && bytes.value === undefined) return;
    const kept = bytes.ok ? decodeLastGood(bytes.value ?? new Uint8Array(), hash) : bytes;
    const taken = kept.ok ? this.#take({ ...kept.value, held: this.#wanted(kept.value.held) }) : kept;
    if (taken.ok) this.#isFromDisk = this.#config !== undefined;
    else log(`The kept configuration is passed over; the server's is awaited. ${formatProblem(taken.problems[0])}`);
  }

  /** Services that were subscribed to by an earlier bootstrap are forgotten. */
  #wanted(held: HeldResources): HeldResources {
    const { services: called } = this.#options;
    const isCalled = (name: string): boolean => called.some((key) => key === name);
    const routes = new Map([...held.ServiceRoutes].filter(([name]) => isCalled(name)));
    return withNeededServices({ ...held, ServiceRoutes: routes }, called);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const requests = new RequestQueue<DeltaDiscoveryRequest>();
      try {
        await this.#stream(requests);
      } catch (cause) {
        this.#disconnected(ConnectError.from(cause).rawMessage);
      } finally {
        requests.close();
        this.#isConnected = false;
      }
      if (!signal.aborted) await this.#options.timers.sleep(this.#retryMs(), signal);
    }
  }

  async #stream(requests: RequestQueue<DeltaDiscoveryRequest>): Promise<void> {
    const { transport, node, services } = this.#options;
    const client = createClient(AggregatedDiscoveryService, transport);
    for (const request of openingRequests(node, services, this.#held)) requests.push(request);
    const { signal } = this.#stopping;
    for await (const response of client.deltaAggregatedResources(requests, { signal })) {
      this.#isConnected = true;
      this.#failures = 0;
      const before = neededServices(this.#held, services);
      const answer = this.#answer(response);
      // Asked for before the answer, new backends come before anything that is told after it.
      const resubscribed = resubscription(before, neededServices(this.#held, services));
      if (resubscribed !== undefined) requests.push(resubscribed);
      requests.push(answer);
    }
  }

  #answer(response: DeltaDiscoveryResponse): DeltaDiscoveryRequest {
    const next = withResponse(this.#held, response);
    const taken = next.ok ? this.#take({ held: next.value, revision: Number(response.systemVersionInfo) }) : next;
    if (taken.ok) {
      this.#isFromDisk = false;
      this.#lastProblem = "";
      this.#save();
      return answerTo(response);
    }
    this.#refusals++;
    this.#lastProblem = taken.problems.map((each) => each.message).join("; ");
    this.#options.log(`A configuration was refused and the one before stays: ${this.#lastProblem}`);
    return answerTo(response, this.#lastProblem);
  }

  /** Puts in force what the resources make, when nothing is missing any more. */
  #take({ held, revision }: { readonly held: HeldResources; readonly revision: number }): Result<void> {
    const { services: called, onConfig } = this.#options;
    const made = configOf(held, { revision, services: called });
    if (made.state === "incomplete" && this.#config !== undefined)
      return failure(problem("HDL_XDS_RESOURCE_INVALID", "It would leave the agent without something it needs."));
    const applied = made.state === "complete" ? onConfig(made.config) : success(undefined);
    if (!applied.ok) return applied;
    this.#held = withNeededServices(held, called);
    if (made.state !== "complete") return applied;
    this.#config = made.config;
    this.#heldInForce = this.#held;
    return applied;
  }

  /** One save at a time; of those that come meanwhile only the last is done. */
  #save(): void {
    if (this.#isSaveQueued || this.#config === undefined) return;
    this.#isSaveQueued = true;
    this.#saving = this.#saving.then(async () => {
      this.#isSaveQueued = false;
      const { store, hash, log } = this.#options;
      const bytes = encodeLastGood({ held: this.#heldInForce, revision: this.#config?.revision ?? 0 }, hash);
      const saved = await store.save(bytes);
      if (!saved.ok) log(formatProblem(saved.problems[0]));
    });
  }

  #disconnected(why: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#failures++;
    this.#lastProblem = why;
    // The first says that something is wrong, every eighth that it still is.
    if (this.#failures % 8 === 2) this.#options.log(`The server is away; what is in force stays: ${why}`);
  }

  #retryMs(): number {
    if (this.#failures === 0) return RETRY_FIRST_MS * this.#options.random.next();
    const longestMs = Math.min(RETRY_FIRST_MS * 2 ** Math.min(this.#failures - 1, 10), RETRY_LONGEST_MS);
    return longestMs * (0.5 + 0.5 * this.#options.random.next());
  }
}

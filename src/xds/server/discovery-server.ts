import { Code, ConnectError } from "@connectrpc/connect";
import type { Timers } from "#engine/time";
import type { SpiffeId } from "#identity";
import type { MeshSnapshot } from "#mesh";
import { type Failure, failure, problem, type WorkloadKey } from "#model";
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "#proto";
import { ResourceEncoder } from "#xds";
import { AgentStream, type Refusal } from "./agent-stream.ts";
import { type StreamAgent, streamAgent } from "./stream-agent.ts";
import { Wakeup } from "./wakeup.ts";

export interface DiscoveryServerOptions {
  /** Collision-resistant, of a resource's bytes. */
  readonly hash: (bytes: Uint8Array) => string;
  readonly timers: Pick<Timers, "after">;
  /** The first snapshot. */
  readonly snapshot: MeshSnapshot;
  /** Told once of each refusal. */
  readonly onRefusal: (agent: StreamAgent, refusal: Refusal) => void;
}

/** One connected agent, as state and console show it. */
export interface ConnectedAgent {
  readonly agent: StreamAgent;
  /** Revision of the newest snapshot that the agent holds fully. */
  readonly revision: number;
  readonly refusal: Refusal | undefined;
}

interface Live {
  readonly agent: StreamAgent;
  readonly stream: AgentStream;
  readonly wakeup: Wakeup;
  isEnded: boolean;
  /** Why the server ended it; undefined when the agent did. */
  fault: Failure | undefined;
}

/** An agent that does not answer for so long is cut off; it comes back and is told everything anew. */
const ANSWER_TIMEOUT_MS = 30_000;

/** Serves snapshots to agents over `DeltaAggregatedResources`, to each what concerns it. */
export class DiscoveryServer {
  readonly #options: DiscoveryServerOptions;
  readonly #encoder: ResourceEncoder;
  readonly #live = new Map<WorkloadKey, Live>();
  #snapshot: MeshSnapshot;
  #isStopped = false;

  constructor(options: DiscoveryServerOptions) {
    this.#options = options;
    this.#encoder = new ResourceEncoder(options.hash);
    this.#snapshot = options.snapshot;
  }

  /** Gives every agent what the snapshot changed for it. Snapshots that come while an agent is busy are skipped but for the last. */
  publish(snapshot: MeshSnapshot): void {
    this.#snapshot = snapshot;
    for (const { wakeup } of this.#live.values()) wakeup.wake();
  }

  get agents(): readonly ConnectedAgent[] {
    return [...this.#live.values()].map(({ agent, stream }) => ({
      agent,
      revision: stream.revision,
      refusal: stream.refusal,
    }));
  }

  /** Ends every stream. */
  stop(): void {
    this.#isStopped = true;
    for (const live of this.#live.values()) this.#end(live);
  }

  /** One stream, until the agent or `signal` ends it. `spiffeId` is the caller's, by its certificate. */
  async *stream(
    requests: AsyncIterable<DeltaDiscoveryRequest>,
    spiffeId: SpiffeId,
    signal: AbortSignal,
  ): AsyncGenerator<DeltaDiscoveryResponse> {
    const incoming = requests[Symbol.asyncIterator]();
    const first = await incoming.next();
    if (first.done === true || this.#isStopped) return;
    const agent = streamAgent(spiffeId, first.value);
    if (!agent.ok) throw refusalOf(agent);
    const live = this.#join(agent.value);
    const onAbort = (): void => this.#end(live);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#receive(live, first.value);
      // Ends with the stream: the transport closes `requests` when this generator returns.
      void this.#read(live, incoming);
      yield* this.#responses(live);
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#leave(live);
    }
  }

  async *#responses(live: Live): AsyncGenerator<DeltaDiscoveryResponse> {
    while (!live.isEnded) {
      const response = live.stream.next(this.#snapshot);
      if (response !== undefined) yield response;
      else if (!(await this.#waitFor(live))) throw new ConnectError("no answer in time", Code.DeadlineExceeded);
    }
    if (live.fault !== undefined) throw refusalOf(live.fault);
  }

  /** False when the agent owes an answer and does not give it in time. */
  async #waitFor({ wakeup, stream }: Live): Promise<boolean> {
    let isLate = false;
    const cancel = this.#options.timers.after(ANSWER_TIMEOUT_MS, () => {
      isLate = stream.isAwaiting;
      wakeup.wake();
    });
    await wakeup.wait();
    cancel();
    return !isLate;
  }

  async #read(live: Live, incoming: AsyncIterator<DeltaDiscoveryRequest>): Promise<void> {
    try {
      for (let next = await incoming.next(); next.done !== true && !live.isEnded; next = await incoming.next())
        this.#receive(live, next.value);
    } catch {
      // The connection broke: the agent comes back by itself.
    }
    this.#end(live);
  }

  #receive(live: Live, request: DeltaDiscoveryRequest): void {
    const before = live.stream.refusal;
    const received = live.stream.receive(request);
    const { refusal } = live.stream;
    if (refusal !== undefined && refusal !== before) this.#options.onRefusal(live.agent, refusal);
    if (received.ok) {
      live.wakeup.wake();
      return;
    }
    live.fault = received;
    this.#end(live);
  }

  /** A second stream of one instance is the same agent come back before the first was seen to be broken. */
  #join(agent: StreamAgent): Live {
    const key: WorkloadKey = `${agent.namespace}/${agent.instance}`;
    const held = this.#live.get(key);
    if (held !== undefined && held.agent.spiffeId.uri !== agent.spiffeId.uri)
      throw refusalOf(failure(problem("HDL_XDS_STREAM", `${key} is in use by ${held.agent.spiffeId.uri}.`)));
    if (held !== undefined) this.#end(held);
    const stream = new AgentStream(agent, this.#encoder);
    const live: Live = { agent, stream, wakeup: new Wakeup(), isEnded: false, fault: undefined };
    this.#live.set(key, live);
    return live;
  }

  #leave(live: Live): void {
    this.#end(live);
    const key: WorkloadKey = `${live.agent.namespace}/${live.agent.instance}`;
    if (this.#live.get(key) === live) this.#live.delete(key);
  }

  #end(live: Live): void {
    live.isEnded = true;
    live.wakeup.wake();
  }
}

function refusalOf({ problems: [first] }: Failure): ConnectError {
  return new ConnectError(first.message, Code.InvalidArgument);
}

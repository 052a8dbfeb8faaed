import { create } from "@bufbuild/protobuf";
import type { MeshSnapshot } from "#mesh";
import { failure, problem, type Result, success } from "#model";
import { type DeltaDiscoveryRequest, type DeltaDiscoveryResponse, DeltaDiscoveryResponseSchema } from "#proto";
import { kindOf, RESOURCE_KINDS, type ResourceEncoder, type ResourceKind, typeUrlOf } from "#xds";
import { DesiredResources } from "./desired.ts";
import { type Changes, KindState } from "./kind-state.ts";
import type { StreamAgent } from "./stream-agent.ts";

/** The last refusal of a resource by an agent. */
export interface Refusal {
  readonly kind: ResourceKind;
  /** Empty while it is not yet known which of several is refused. */
  readonly names: readonly string[];
  readonly message: string;
}

const SUBSCRIPTIONS_MAX = 2000;
/** Requests that answer nothing: subscriptions come in a few, a flood does not. */
const UNPROMPTED_MAX = 4000;
const MESSAGE_LENGTH_MAX = 1000;

/**
 * One agent's stream of delta discovery, without its I/O. One response is outstanding at a time, in the order of `RESOURCE_KINDS`,
 * so that an agent trusts new authorities before it hears of endpoints under them. A version that was refused is not sent again.
 */
export class AgentStream {
  readonly #desired: DesiredResources;
  readonly #kinds: Readonly<Record<ResourceKind, KindState>>;
  #awaited: { readonly kind: ResourceKind; readonly nonce: string; readonly revision: number } | undefined;
  #nonces = 0;
  #unprompted = 0;
  #refusal: Refusal | undefined;
  #revision = 0;

  constructor(agent: StreamAgent, encoder: ResourceEncoder) {
    this.#desired = new DesiredResources(encoder, agent);
    this.#kinds = {
      MeshSettings: new KindState(),
      TrustBundle: new KindState(),
      Service: new KindState(),
      ServiceRoutes: new KindState(),
      InboundPolicy: new KindState(),
    };
  }

  /** Whether a response is out that was not answered yet. */
  get isAwaiting(): boolean {
    return this.#awaited !== undefined;
  }

  /** Revision of the newest snapshot of which everything was acknowledged. */
  get revision(): number {
    return this.#revision;
  }

  /** What the agent refused and still does not hold. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Takes a request. Fails with `HDL_XDS_STREAM` when the stream must be ended. */
  receive(request: DeltaDiscoveryRequest): Result<void> {
    const kind = kindOf(request.typeUrl);
    if (kind === undefined) return broken(`no resources of type ${JSON.stringify(request.typeUrl.slice(0, 100))}`);
    if (request.responseNonce !== "") this.#answered(kind, request);
    else this.#unprompted++;
    this.#subscribe(kind, request);
    const count = RESOURCE_KINDS.reduce((sum, each) => sum + this.#kinds[each].subscriptionCount, 0);
    if (count > SUBSCRIPTIONS_MAX) return broken(`more than ${SUBSCRIPTIONS_MAX} subscriptions`);
    if (this.#unprompted > UNPROMPTED_MAX) return broken(`more than ${UNPROMPTED_MAX} requests out of turn`);
    return success(undefined);
  }

  /** The response to send now; undefined when the agent holds what it should or has yet to answer. */
  next(snapshot: MeshSnapshot): DeltaDiscoveryResponse | undefined {
    if (this.#awaited !== undefined) return undefined;
    for (const kind of RESOURCE_KINDS) {
      const names = this.#desired.names(snapshot, kind);
      const changes = this.#kinds[kind].next(names, (name) => this.#desired.find(snapshot, kind, name));
      if (changes === undefined) continue;
      this.#nonces++;
      this.#awaited = { kind, nonce: String(this.#nonces), revision: snapshot.revision };
      return responseOf(changes, this.#awaited);
    }
    this.#revision = snapshot.revision;
    return undefined;
  }

  #answered(kind: ResourceKind, { responseNonce, errorDetail }: DeltaDiscoveryRequest): void {
    if (this.#awaited?.kind !== kind || this.#awaited.nonce !== responseNonce) return;
    this.#awaited = undefined;
    const state = this.#kinds[kind];
    if (errorDetail === undefined) {
      state.acknowledge();
      if (this.#refusal?.kind === kind) this.#refusal = undefined;
      return;
    }
    this.#refusal = { kind, names: state.refuse(), message: errorDetail.message.slice(0, MESSAGE_LENGTH_MAX) };
  }

  #subscribe(kind: ResourceKind, request: DeltaDiscoveryRequest): void {
    const { resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions, responseNonce } = request;
    const state = this.#kinds[kind];
    // The first request of a kind that names nothing asks for everything of it (xDS protocol, wildcard subscriptions).
    const isFirst = responseNonce === "" && state.subscriptionCount === 0;
    if (isFirst && resourceNamesSubscribe.length === 0 && resourceNamesUnsubscribe.length === 0)
      state.subscribeToEverything();
    state.subscribe(resourceNamesSubscribe, initialResourceVersions);
    state.unsubscribe(resourceNamesUnsubscribe);
  }
}

function responseOf(
  { present, removed }: Changes,
  { kind, nonce, revision }: { readonly kind: ResourceKind; readonly nonce: string; readonly revision: number },
): DeltaDiscoveryResponse {
  const typeUrl = typeUrlOf(kind);
  return create(DeltaDiscoveryResponseSchema, {
    systemVersionInfo: String(revision),
    typeUrl,
    nonce,
    resources: present.map(({ name, version, bytes }) => ({ name, version, resource: { typeUrl, value: bytes } })),
    removedResources: [...removed],
  });
}

function broken(why: string): Result<never> {
  return failure(problem("HDL_XDS_STREAM", `The agent's stream asks for ${why}.`));
}

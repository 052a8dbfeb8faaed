/** Every service that a workload's requests may go to, those that routes send to among them: one each, whoever asks for it. */
import type { ServiceKey } from "#model";
import type { ProxyContext } from "../context.ts";
import { selfParty } from "../party.ts";
import { OutboundService } from "./service.ts";

export class Destinations {
  readonly #context: ProxyContext;
  readonly #services = new Map<ServiceKey, OutboundService>();
  /** Those that are called; they stay whatever the routes say. */
  readonly #called: ReadonlySet<ServiceKey>;

  constructor(context: ProxyContext, called: Iterable<ServiceKey>) {
    this.#context = context;
    this.#called = new Set(called);
    this.update();
  }

  get(key: ServiceKey): OutboundService | undefined {
    return this.#services.get(key);
  }

  /** Takes the endpoints of the tables in force; services that nothing sends to any more finish what they have. */
  update(): void {
    const { outbound } = this.#context.tables;
    for (const key of new Set([...this.#called, ...outbound.keys()])) {
      const service = this.#services.get(key) ?? new OutboundService(this.#context, key, selfParty(this.#context));
      this.#services.set(key, service);
      service.update(outbound.get(key));
    }
    for (const [key, service] of this.#services) {
      if (this.#called.has(key) || outbound.has(key)) continue;
      service.close();
      this.#services.delete(key);
    }
  }

  renew(): void {
    for (const service of this.#services.values()) for (const { peer } of service.targets) peer.renew();
  }

  stop(): void {
    for (const service of this.#services.values()) for (const { peer } of service.targets) peer.destroy();
  }
}

/** What one listener of the app's side stands for: a service, whose requests go by its routes. */
import type { ProxyContext } from "../context.ts";
import type { Downstream } from "../downstream/downstream.ts";
import type { Exchange, Guesses, Upstream } from "../downstream/upstream.ts";
import type { AskedRequest } from "../fields.ts";
import { OutboundExchange } from "./exchange.ts";
import type { Router } from "./router.ts";

export class RoutedUpstream implements Upstream {
  readonly guesses: Guesses = { count: 0 };
  readonly #context: ProxyContext;
  readonly #router: Router;

  constructor(context: ProxyContext, router: Router) {
    this.#context = context;
    this.#router = router;
  }

  get authority(): string {
    return this.#router.service.authority;
  }

  get refusalEdge(): number {
    return this.#router.service.noEndpointEdge;
  }

  exchange(downstream: Downstream, request: AskedRequest): Exchange {
    return new OutboundExchange(this.#context, this.#router, { downstream, request });
  }
}

/** The app behind an agent, reached in the protocol that it speaks. */

import type { AppProtocol } from "#model";
import { type FieldList, fieldValue } from "#wire/fields";
import type { ProxyContext } from "../../context.ts";
import { SPOKEN_BY_CALLER } from "../../fields.ts";
import { isGrpc } from "../../grpc.ts";
import { type AppAddress, Dialer } from "./dialer.ts";
import { Http1Pool } from "./http1-pool.ts";
import { Http2Pool } from "./http2-pool.ts";
import type { AppLanes } from "./lane.ts";
import { NegotiatedLanes } from "./negotiated.ts";
import { Tunnels } from "./tunnel.ts";

export interface AppOptions extends AppAddress {
  readonly protocol: AppProtocol;
}

export class App {
  readonly options: AppOptions;
  readonly tunnels: AppLanes;
  readonly #http1: AppLanes;
  readonly #http2: AppLanes;
  /** For what either version will do; undefined where the app is not asked which. */
  readonly #negotiated: AppLanes | undefined;

  constructor(context: ProxyContext, options: AppOptions) {
    this.options = options;
    const dialer = new Dialer(context, options);
    const http1 = new Http1Pool(context, dialer);
    const http2 = new Http2Pool(context, dialer);
    this.#http1 = http1;
    this.#http2 = http2;
    this.#negotiated = dialer.isTls ? new NegotiatedLanes(context, dialer, { http1, http2 }) : undefined;
    this.tunnels = new Tunnels(context, dialer);
  }

  /**
   * The lanes for a request. An app whose protocol is not declared says it itself in TLS; in the clear it is asked in HTTP/2 by what
   * needs it (gRPC) and by callers that spoke it with prior knowledge, since they expect the app to.
   */
  lanesFor(fields: FieldList): AppLanes {
    const { protocol } = this.options;
    if (protocol === "http2" || protocol === "grpc") return this.#http2;
    if (protocol === "http1") return this.#http1;
    if (isGrpc(fields)) return this.#http2;
    if (this.#negotiated !== undefined) return this.#negotiated;
    return fieldValue(fields, SPOKEN_BY_CALLER) === "h2" ? this.#http2 : this.#http1;
  }

  stop(): void {
    for (const lanes of [this.#negotiated, this.#http1, this.#http2, this.tunnels]) lanes?.stop();
  }
}

/** The app behind an agent, reached in the protocol that it speaks. */

import type { AppProtocol } from "#model";
import { type FieldList, fieldValue } from "#wire/fields";
import type { ProxyContext } from "../../context.ts";
import { SPOKEN_BY_CALLER } from "../../fields.ts";
import { isGrpc } from "../../grpc.ts";
import { Http1Pool } from "./http1-pool.ts";
import { Http2Pool } from "./http2-pool.ts";
import type { AppAddress, AppLanes } from "./lane.ts";
import { Tunnels } from "./tunnel.ts";

export interface AppOptions extends AppAddress {
  readonly protocol: AppProtocol;
}

export class App {
  readonly options: AppOptions;
  readonly tunnels: AppLanes;
  readonly #http1: AppLanes;
  readonly #http2: AppLanes;

  constructor(context: ProxyContext, options: AppOptions) {
    this.options = options;
    this.#http1 = new Http1Pool(context, options);
    this.#http2 = new Http2Pool(context, options);
    this.tunnels = new Tunnels(context, options);
  }

  /**
   * The lanes for a request. An app whose protocol is not declared is asked in HTTP/2 by what needs it (gRPC) and by callers that
   * spoke it with prior knowledge, since they expect the app to.
   */
  lanesFor(fields: FieldList): AppLanes {
    const { protocol } = this.options;
    if (protocol === "http2" || protocol === "grpc") return this.#http2;
    if (protocol === "http1") return this.#http1;
    const isHttp2 = isGrpc(fields) || fieldValue(fields, SPOKEN_BY_CALLER) === "h2";
    return isHttp2 ? this.#http2 : this.#http1;
  }

  stop(): void {
    for (const lanes of [this.#http1, this.#http2, this.tunnels]) lanes.stop();
  }
}

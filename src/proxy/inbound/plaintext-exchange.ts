/** One request of a caller in the clear: asked of the app as if an agent stood before the caller that cannot say who it is. */
import { type FieldList, fieldValue } from "#wire/fields";
import { H2_ERROR } from "#wire/http2";
import type { Downstream } from "../downstream/downstream.ts";
import type { Exchange } from "../downstream/upstream.ts";
import { type AskedRequest, hasSwitched, isTunnelRequest, requestToMesh } from "../fields.ts";
import type { CallerStream } from "./caller-stream.ts";
import { InboundExchange } from "./exchange.ts";
import type { InboundPeer } from "./peer.ts";

export class PlaintextExchange implements Exchange, CallerStream {
  readonly #downstream: Downstream;
  readonly #request: AskedRequest;
  readonly #inbound: InboundExchange;
  /** Bytes of the request that have not been passed on. */
  #unread = 0;
  #isPaused = false;
  #isEnded = false;
  #isAborted = false;
  #isRequestUnread = false;

  constructor(
    peer: InboundPeer,
    { downstream, request }: { readonly downstream: Downstream; readonly request: AskedRequest },
  ) {
    this.#downstream = downstream;
    this.#request = request;
    this.#inbound = new InboundExchange(peer, this);
  }

  // From the caller.

  start(): void {
    const request = this.#request;
    // Here too what claims an identity is taken away: nobody has said who calls.
    const fields = requestToMesh(request, {
      traceparent: fieldValue(request.fields, "traceparent") ?? "",
      requestId: fieldValue(request.fields, "x-request-id"),
      isHttp2: this.#downstream.isHttp2,
      edge: undefined,
    });
    this.#inbound.onHeaders(fields, !request.hasBody && request.upgrade === "", "request");
  }

  sendBody(data: Uint8Array): boolean {
    this.#unread += data.length;
    this.#inbound.onData(data, false);
    this.#isPaused = this.#unread > 0;
    return !this.#isPaused;
  }

  endBody(trailers: FieldList): void {
    this.#inbound.onHeaders(trailers, true, "trailers");
  }

  abandon(): void {
    if (!this.#isAborted) this.#inbound.onReset();
  }

  withdraw(): void {
    this.#inbound.withdraw();
  }

  onDrained(): void {
    this.#inbound.onDrained();
  }

  // From the app's side.

  get isEnded(): boolean {
    return this.#isEnded;
  }

  interim(fields: FieldList): void {
    this.#downstream.interim(statusOf(fields), fields);
  }

  head(fields: FieldList, isWhole: boolean): void {
    const status = statusOf(fields);
    const isUpgrade = this.#request.upgrade !== "";
    const isSwitch = isUpgrade ? hasSwitched(status, fields) : isTunnelRequest(this.#request) && status === 200;
    this.#downstream.head({ status, fields, isSwitch, isWhole });
    if (isWhole) this.end([]);
  }

  write(data: Uint8Array): boolean {
    this.#downstream.body(data);
    return !this.#downstream.isFull;
  }

  end(trailers: FieldList): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#downstream.end(trailers);
  }

  /** The caller's connection says by itself that there is room. */
  writable(): void {}

  consumed(bytes: number): void {
    this.#unread -= bytes;
    if (this.#unread > 0 || !this.#isPaused) return;
    this.#isPaused = false;
    this.#downstream.resumeBody();
  }

  reset(code: number): void {
    if (code === H2_ERROR.NO_ERROR) {
      this.#isRequestUnread = true;
      return;
    }
    this.#isAborted = true;
    this.#downstream.abort();
  }

  release(): void {
    this.#downstream.finished(this.#isRequestUnread);
  }
}

function statusOf(fields: FieldList): number {
  return Number(fieldValue(fields, ":status"));
}

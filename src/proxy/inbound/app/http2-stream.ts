/** One stream of a connection to an app that speaks HTTP/2. */
import type { EndReason } from "#telemetry";
import { type FieldList, fieldValue } from "#wire/fields";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import { type AppRequest, requestToHttp2, responseToMesh } from "../../fields.ts";
import type { Link, LinkStream } from "../../link.ts";
import { StreamOutput } from "../../stream-output.ts";
import { ACCEPT, acceptFor, KEY, withoutField } from "../../websocket.ts";
import type { AppLane, AppUser } from "./lane.ts";

export class Http2AppStream implements AppLane, LinkStream {
  readonly #link: Link;
  readonly #scheme: "http" | "https";
  readonly #onEnded: () => void;
  #output: StreamOutput | undefined;
  #user: AppUser | undefined;
  #upgrade = "";
  /** What a caller in HTTP/1.1 must be answered to its key of a WebSocket, or "". */
  #accept = "";
  #hasAnswer = false;
  #isSwitched = false;
  /** Bytes of the answer that the user has not taken up yet. */
  #uncredited = 0;

  /** `onEnded` is called once, when the stream takes no more room of its connection. */
  constructor(link: Link, scheme: "http" | "https", onEnded: () => void) {
    this.#link = link;
    this.#scheme = scheme;
    this.#onEnded = onEnded;
  }

  get pending(): number {
    return this.#output?.pending ?? 0;
  }

  begin(user: AppUser, request: AppRequest): void {
    this.#user = user;
    this.#upgrade = request.upgrade;
    if (request.upgrade !== "" && !this.#link.session.allowsExtendedConnect) {
      return this.#fail("upstream-protocol-error", false);
    }
    const isWhole = !request.hasBody && request.upgrade === "";
    const stream = this.#link.open(this.#fieldsOf(request), isWhole, this);
    if (stream === 0) return this.#fail("app-unreachable", true);
    this.#output = new StreamOutput(this.#link, stream, () => this.#user?.onAppDrained());
    if (isWhole) this.#output.markEnded();
  }

  body(data: Uint8Array): void {
    this.#output?.write(data);
  }

  endBody(trailers: FieldList): void {
    this.#output?.end(trailers);
  }

  resume(): void {
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    if (bytes > 0) this.#output?.link.session.consumed(this.#output.stream, bytes);
  }

  abandon(): void {
    this.#user = undefined;
    if (this.#output !== undefined) {
      const code = this.#hasAnswer ? H2_ERROR.NO_ERROR : H2_ERROR.CANCEL;
      this.#link.session.reset(this.#output.stream, code);
    }
    this.#leave();
  }

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind === "trailers") return this.#complete(fields);
    const status = Number(fieldValue(fields, ":status"));
    const isInterim = kind === "interim";
    this.#hasAnswer ||= !isInterim;
    const isSwitch = this.#upgrade !== "" && status >= 200 && status < 300;
    const user = this.#user;
    if (isSwitch) return this.#switch(fields, endStream);
    if (endStream) this.#leave();
    user?.onAppHead({
      status,
      fields: responseToMesh(status, fields, !isInterim && this.#upgrade !== ""),
      kind: isInterim ? "interim" : "final",
      isWhole: endStream,
    });
  }

  onData(data: Buffer, endStream: boolean): void {
    const stream = this.#output?.stream ?? 0;
    if (this.#user?.onAppBody(data) === false) this.#uncredited += data.length;
    else this.#link.session.consumed(stream, data.length);
    if (endStream) this.#complete([]);
  }

  onReset(code: number, byPeer: boolean): void {
    // The app has seen nothing of it, or says so: whatever was asked may be asked elsewhere (RFC 9113 §8.7).
    if (code === H2_ERROR.REFUSED_STREAM && !this.#hasAnswer) return this.#fail("app-unreachable", true);
    if (code === H2_ERROR.ENHANCE_YOUR_CALM && !byPeer) return this.#fail("upstream-protocol-error", false);
    this.#fail(byPeer && code !== H2_ERROR.NO_ERROR ? "upstream-reset" : "upstream-connection-terminated", false);
  }

  onWritable(): void {
    this.#output?.writable();
  }

  /** A caller in HTTP/1.1 proves that it means a WebSocket by a key, which has no place in HTTP/2 (RFC 8441 §5). */
  #fieldsOf(request: AppRequest): FieldList {
    const fields = requestToHttp2(request, this.#scheme);
    const key = request.upgrade === "websocket" ? fieldValue(fields, KEY) : undefined;
    if (key === undefined) return fields;
    this.#accept = acceptFor(key);
    return withoutField(fields, KEY);
  }

  /** Any status of success accepts; between agents it is 200. An end that comes with it is that of the app's half only. */
  #switch(fields: FieldList, endStream: boolean): void {
    this.#isSwitched = true;
    const answer = responseToMesh(200, fields, false);
    if (this.#accept !== "") answer.push(ACCEPT, this.#accept);
    this.#user?.onAppHead({ status: 200, fields: answer, kind: "switched", isWhole: false });
    if (endStream) this.#complete([]);
  }

  #complete(trailers: FieldList): void {
    const user = this.#user;
    if (!this.#isSwitched) this.#leave();
    user?.onAppEnd(trailers);
  }

  #fail(reason: EndReason, isUntouched: boolean): void {
    const user = this.#user;
    this.#leave();
    user?.onAppFailed(reason, isUntouched);
  }

  #leave(): void {
    this.#user = undefined;
    // What was not taken up is the connection's credit too, which outlives the stream.
    this.resume();
    const output = this.#output;
    this.#output = undefined;
    if (output !== undefined) {
      // An answer before the end of the request: its rest will not come, and would keep the stream open (RFC 9113 §8.1).
      if (!output.isEnded) this.#link.session.reset(output.stream, H2_ERROR.CANCEL);
      this.#link.release(output.stream);
    }
    this.#onEnded();
  }
}

/**
 * Notices a peer that is gone without a word, as when a host or a network fails: no connection ends then, and every request on it would
 * wait as long as it may. A connection that was silent for a while is asked for a sign (RFC 9113 §6.7), and given up without one.
 */
import { H2_ERROR } from "#wire/http2";
import type { ProxyContext } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import type { Link } from "../link.ts";

/** A connection that nobody waits on may be silent so many times as long. */
const IDLE_FACTOR = 12;

export class Heartbeat implements Expirable {
  deadlineMs: number;
  deadlineSlot = -1;
  readonly #context: ProxyContext;
  readonly #link: Link;
  #isAsked = false;

  constructor(context: ProxyContext, link: Link) {
    this.#context = context;
    this.#link = link;
    this.deadlineMs = context.deadlines.in(context.limits.peerSilenceMs);
    context.deadlines.add(this);
  }

  stop(): void {
    this.#context.deadlines.remove(this);
  }

  onDeadline(nowMs: number): void {
    const { peerSilenceMs } = this.#context.limits;
    const silentMs = nowMs - this.#link.readMs;
    const allowedMs = this.#link.openStreams > 0 ? peerSilenceMs : peerSilenceMs * IDLE_FACTOR;
    this.deadlineMs = this.#context.deadlines.in(peerSilenceMs);
    if (silentMs < allowedMs) this.#isAsked = false;
    else if (this.#isAsked) this.#link.session.close(H2_ERROR.NO_ERROR, "the peer gives no sign");
    else {
      this.#isAsked = true;
      this.#link.session.ping();
    }
  }
}

/**
 * A connection of an app before it is known what it speaks.
 *
 * One that is declared is taken at its word. Of one that is not, the first bytes tell; and since a protocol in which the server speaks
 * first has none, a connection that stays silent for a moment gets a tunnel, which is given up again should HTTP come after all.
 */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import type { Cancel } from "#engine/time";
import type { AppProtocol } from "#model";
import type { Closable } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import { type Spoken, spokenBy } from "./first-bytes.ts";
import { type DownstreamOptions, Http1Downstream } from "./http1-downstream.ts";
import { Http2Downstream } from "./http2-downstream.ts";
import { TcpDownstream } from "./tcp-downstream.ts";

type Owner = SocketEvents & Closable;

/** An app that speaks first has spoken by then; shorter than what anybody notices. */
const SILENCE_MS = 20;

export class AcceptedConnection implements SocketEvents, Closable, Expirable {
  deadlineMs: number;
  deadlineSlot = -1;
  readonly #options: DownstreamOptions;
  readonly #socket: StreamSocket;
  readonly #protocol: AppProtocol;
  #first = Buffer.alloc(0);
  #owner: Owner | undefined;
  #guess: TcpDownstream | undefined;
  /** The guess counts as one until somebody has spoken. */
  #isGuessing = false;
  #cancelSilence: Cancel | undefined;
  #isClosed = false;

  /** `protocol` is what the service that is called declares. */
  constructor(options: DownstreamOptions, protocol: AppProtocol) {
    const { context, socket } = options;
    this.#socket = socket;
    this.#protocol = protocol;
    this.#options = { ...options, onClosed: () => options.onClosed(this) };
    this.deadlineMs = context.deadlines.in(context.limits.headTimeoutMs);
    context.deadlines.add(this);
    if (protocol === "auto") this.#cancelSilence = context.timers.after(SILENCE_MS, () => this.#openTunnel());
  }

  /** For what is known without a byte. Called once the socket's events are heard. */
  start(): void {
    if (this.#protocol === "tcp") this.#handTo("tcp");
  }

  onData(bytes: Buffer): void {
    if (this.#owner !== undefined) return this.#owner.onData(bytes);
    if (this.#guess?.hasAnswered === true) return this.#keepGuess(this.#guess, bytes);
    const isFirst = this.#first.length === 0;
    const seen = isFirst ? bytes : Buffer.concat([this.#first, bytes]);
    const spoken = spokenBy(seen, this.#protocol);
    if (spoken === undefined) this.#first = Buffer.from(seen);
    else if (spoken === "tcp" && this.#guess !== undefined) this.#keepGuess(this.#guess, seen);
    else this.#handTo(spoken, seen);
  }

  onDrain(): void {
    (this.#owner ?? this.#guess)?.onDrain();
  }

  onEnd(): void {
    const owner = this.#owner ?? this.#guess;
    if (owner === undefined) this.destroy();
    else owner.onEnd();
  }

  onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWaiting();
    const owner = this.#owner ?? this.#guess;
    if (owner === undefined) this.#options.onClosed(this);
    else owner.onClose();
  }

  onDeadline(): void {
    this.destroy();
  }

  drain(): void {
    if (this.#owner === undefined) this.destroy();
    else this.#owner.drain();
  }

  destroy(): void {
    if (this.#owner !== undefined) return this.#owner.destroy();
    this.#socket.destroy();
    this.onClose();
  }

  #handTo(spoken: Spoken, seen?: Buffer): void {
    this.#stopWaiting();
    this.#guess?.withdraw();
    this.#settleGuess();
    this.#guess = undefined;
    const owner = ownerFor(spoken, this.#options);
    this.#owner = owner;
    if (owner instanceof TcpDownstream) owner.start();
    if (seen !== undefined) owner.onData(seen);
  }

  #keepGuess(guess: TcpDownstream, seen: Buffer): void {
    this.#stopWaiting();
    this.#owner = guess;
    guess.onData(seen);
  }

  #openTunnel(): void {
    const { context, upstream } = this.#options;
    if (upstream.guesses.count >= context.limits.guessesMax) return;
    upstream.guesses.count++;
    this.#guess = new TcpDownstream(this.#options, {
      onAnswered: () => this.#settleGuess(),
      onRefused: () => this.#guessRefused(),
    });
    this.#isGuessing = true;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.#guess.start();
  }

  /** Nobody is there for bytes, or none are allowed; the app may want HTTP yet, and is told then. */
  #guessRefused(): void {
    this.#settleGuess();
    this.#guess = undefined;
    const { deadlines, limits } = this.#options.context;
    this.deadlineMs = deadlines.in(limits.headTimeoutMs);
  }

  #settleGuess(): void {
    if (!this.#isGuessing) return;
    this.#isGuessing = false;
    this.#options.upstream.guesses.count--;
  }

  #stopWaiting(): void {
    this.#settleGuess();
    this.#cancelSilence?.();
    this.#options.context.deadlines.remove(this);
  }
}

function ownerFor(spoken: Spoken, options: DownstreamOptions): Owner {
  if (spoken === "http2") return new Http2Downstream(options);
  return spoken === "http1" ? new Http1Downstream(options) : new TcpDownstream(options);
}

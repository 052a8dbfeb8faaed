/** One stream as this side knows it. All fields are set here, in one order, so that all streams have one shape. */
export class Http2Stream {
  readonly id: number;
  /** What we may still send, bytes; negative after the peer shrank its window. */
  sendWindow: number;
  /** What the peer may still send, bytes. */
  receiveWindow: number;
  /** Consumed by the owner but not yet given back to the peer. */
  uncredited = 0;
  /** Received but not yet consumed by the owner. */
  unconsumed = 0;
  isLocalEnded = false;
  isRemoteEnded = false;
  /** A final head (request, or response that is not interim) has arrived. */
  hasHead = false;
  /** Body length that the message promised, or -1. */
  promised = -1;
  received = 0;
  /** The owner wanted to send more than there was room for. */
  isBlocked = false;
  /** Opened by this side. */
  readonly isLocal: boolean;
  /** This side has answered: a reset from now on is an ordinary end, not a reset flood. */
  hasSentHead = false;
  /** The response to it has no body whatever it promises (HEAD). */
  isHeadRequest = false;

  constructor(id: number, isLocal: boolean, windows: { readonly send: number; readonly receive: number }) {
    this.id = id;
    this.isLocal = isLocal;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
  }

  get isClosed(): boolean {
    return this.isLocalEnded && this.isRemoteEnded;
  }
}

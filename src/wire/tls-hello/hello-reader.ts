/**
 * Puts a ClientHello together from the first records of a connection (RFC 8446 §5.1), however the reads cut them.
 *
 * It refuses as soon as it can tell, keeps nothing but the message, and grows with what has come and not with what was promised.
 */
import { type ClientHello, parseClientHello } from "./client-hello.ts";

export type HelloReading =
  | { readonly state: "more" }
  | { readonly state: "hello"; readonly hello: ClientHello }
  /** No TLS, no hello, or one that is malformed or too long. `reason` is for people. */
  | { readonly state: "not-tls"; readonly reason: string };

/** Records and all. A hello with post-quantum keys has two thousand; whoever sends more wants to be held. */
const BYTES_MAX = 16 * 1024;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
const FRAGMENT_BYTES_MAX = 2 ** 14;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const FIRST_ROOM = 512;

const MORE: HelloReading = { state: "more" };

export class ClientHelloReader {
  #reading: HelloReading = MORE;
  #bytes = 0;
  /** Bytes of the present record's header that have come. */
  #headerBytes = 0;
  /** Of the fragment: first as the header says it, then what is left of it. */
  #fragment = 0;
  #message = new Uint8Array(0);
  #length = 0;

  /** Takes what came next and says what is known now. After an answer that is not `more` nothing changes it. */
  read(chunk: Uint8Array): HelloReading {
    for (let at = 0; at < chunk.length && this.#reading.state === "more"; ) at += this.#take(chunk, at);
    return this.#reading;
  }

  /** Returns how many bytes it has taken: one of a header, or what there is of a fragment. */
  #take(chunk: Uint8Array, at: number): number {
    if (this.#headerBytes < RECORD_HEADER_BYTES) {
      this.#count(1);
      this.#readHeader(chunk[at] as number);
      return 1;
    }
    const taken = Math.min(this.#fragment, chunk.length - at, this.#wanted());
    this.#count(taken);
    if (this.#reading.state !== "more") return taken;
    this.#append(chunk.subarray(at, at + taken));
    this.#fragment -= taken;
    this.#look();
    if (this.#fragment === 0) this.#headerBytes = 0;
    return taken;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > BYTES_MAX) this.#refuse("the hello is too long");
  }

  /** Type, version, length: TLS 1.3 ignores the minor version, and its senders vary it. */
  #readHeader(byte: number): void {
    const place = this.#headerBytes++;
    if (place === 0 && byte !== HANDSHAKE) this.#refuse("the record holds no handshake");
    if (place === 1 && byte !== 3) this.#refuse("the record has a version that is not TLS's");
    if (place === 3) this.#fragment = byte << 8;
    if (place !== 4) return;
    this.#fragment |= byte;
    if (this.#fragment === 0) this.#refuse("the record is empty");
    if (this.#fragment > FRAGMENT_BYTES_MAX) this.#refuse("the record is too long");
  }

  /** Of the message: its header first, then the rest. */
  #wanted(): number {
    return (this.#length < MESSAGE_HEADER_BYTES ? MESSAGE_HEADER_BYTES : this.#whole) - this.#length;
  }

  get #whole(): number {
    const [, high = 0, middle = 0, low = 0] = this.#message;
    return MESSAGE_HEADER_BYTES + ((high << 16) | (middle << 8) | low);
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#message.length) {
      const grown = new Uint8Array(Math.max(FIRST_ROOM, this.#message.length * 2, length));
      grown.set(this.#message.subarray(0, this.#length));
      this.#message = grown;
    }
    this.#message.set(bytes, this.#length);
    this.#length = length;
  }

  #look(): void {
    if (this.#message[0] !== CLIENT_HELLO) return this.#refuse("the first message is no ClientHello");
    if (this.#length < MESSAGE_HEADER_BYTES) return;
    if (this.#whole + RECORD_HEADER_BYTES > BYTES_MAX) return this.#refuse("the hello is too long");
    if (this.#length < this.#whole) return;
    // Keys change behind a hello, so nothing may share its last record (§5.1).
    if (this.#fragment > 0) return this.#refuse("something follows the hello in its record");
    const hello = parseClientHello(this.#message.subarray(MESSAGE_HEADER_BYTES, this.#length));
    if (hello === undefined) this.#refuse("the ClientHello is malformed");
    else this.#settle({ state: "hello", hello });
  }

  #refuse(reason: string): void {
    if (this.#reading.state === "more") this.#settle({ state: "not-tls", reason });
  }

  #settle(reading: HelloReading): void {
    this.#reading = reading;
    this.#message = new Uint8Array(0);
  }
}

/**
 * The server name that a caller asks for in TLS of its own, which the agent passes on as it comes: read from the first bytes while they
 * wait for the app. Made only where a policy in force looks at it.
 */
import { ClientHelloReader } from "#wire/tls-hello";

/** First byte of a record that holds a hello (RFC 8446 §5.1). */
const HANDSHAKE = 22;

/** `name`: "" where there is no TLS, or none is asked for; undefined where it is TLS and cannot be read. */
export type AskedName = { readonly state: "more" } | { readonly state: "known"; readonly name: string | undefined };

export class AskedNameReader {
  readonly #reader = new ClientHelloReader();
  #first: number | undefined;

  read(bytes: Uint8Array): AskedName {
    this.#first ??= bytes[0];
    const reading = this.#reader.read(bytes);
    switch (reading.state) {
      case "more":
        return reading;
      case "hello":
        return { state: "known", name: reading.hello.serverName ?? "" };
      case "not-tls":
        // What is not understood here may be understood by the app, as another name.
        return { state: "known", name: this.#first === HANDSHAKE ? undefined : "" };
    }
  }
}

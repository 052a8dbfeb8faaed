/** A peer with a good certificate and a session of its own: it sends frames and messages that no agent would. */
import { connect, type TLSSocket } from "node:tls";
import type { TlsIdentity } from "#identity";
import type { FieldList } from "#wire/fields";
import { Http2Session, type MessageKind } from "#wire/http2";
import { authority, stops } from "./proxy-pair.ts";

export interface PeerAnswer {
  readonly stream: number;
  readonly kind: MessageKind;
  readonly fields: FieldList;
}

export interface HostilePeer {
  readonly session: Http2Session;
  readonly socket: TLSSocket;
  readonly answers: readonly PeerAnswer[];
  readonly resets: readonly number[];
  /** Sends what the session has to send. */
  flush(): void;
  /** Sends bytes past the session. */
  raw(bytes: Uint8Array): void;
  /** The other side has closed. */
  readonly closed: Promise<void>;
}

/** Connects to the mesh side of an agent. */
export async function hostilePeer(
  port: number,
  identity: TlsIdentity = authority.identity("shop/front"),
): Promise<HostilePeer> {
  const answers: PeerAnswer[] = [];
  const resets: number[] = [];
  const socket = connect({
    host: "127.0.0.1",
    port,
    cert: identity.certificateChainPem,
    key: identity.privateKeyPem,
    ca: [...identity.authoritiesPem],
    checkServerIdentity: () => undefined,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.3",
  });
  stops.push(() => socket.destroy());
  socket.on("error", () => undefined);
  const session = new Http2Session({
    role: "client",
    sink: {
      onOutputPending: () => undefined,
      onHeaders: (stream, fields, _endStream, kind) => answers.push({ stream, kind, fields }),
      onData: (stream, data) => session.consumed(stream, data.length),
      onReset: (_stream, code) => resets.push(code),
      onWritable: () => undefined,
      onGoaway: () => undefined,
      onPong: () => undefined,
      onClose: () => undefined,
    },
  });
  const flush = (): void => {
    const bytes = Buffer.from(session.pendingOutput());
    session.outputTaken(bytes.length);
    if (bytes.length > 0 && !socket.destroyed) socket.write(bytes);
  };
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("data", (chunk: Buffer) => {
    session.read(chunk);
    flush();
  });
  await new Promise<void>((resolve) => socket.once("secureConnect", resolve));
  flush();
  return { session, socket, answers, resets, flush, raw: (bytes) => socket.write(bytes), closed };
}

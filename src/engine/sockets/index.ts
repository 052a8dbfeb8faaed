/** The only door to sockets that carry traffic. */
export {
  type AlpnProtocol,
  type AppConnectOptions,
  connectApp,
  type ServerCertificate,
  serveTls,
  type TlsServeOptions,
} from "./app-tls.ts";
export {
  type CancelConnect,
  type ConnectOptions,
  connectPlain,
  type Listener,
  type ListenOptions,
  listenPlain,
} from "./plain.ts";
export type { Admission } from "./plaintext-gate.ts";
export {
  connectSecure,
  listenSecure,
  type RefusedPeer,
  type SecureConnectOptions,
  type SecureListener,
  type SecureListenOptions,
  type TlsMaterial,
  type TlsRefusal,
} from "./secure.ts";
export type { SocketEvents, StreamSocket } from "./stream-socket.ts";

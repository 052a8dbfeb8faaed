/** HTTP/2 in the open on a Unix socket, whose callers are known by what the kernel says of them. */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { chmod, mkdir, unlink } from "node:fs/promises";
import { createServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from "node:http2";
import { dirname } from "node:path";
import { failure, problem, type Result, success } from "#model";

/** Who was at the other end when the connection was made (unix(7), SO_PEERCRED). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface LocalHttp2Options {
  /** Of the socket; one that was left behind there is replaced. */
  readonly path: string;
  /** Told of each connection as it is made. */
  readonly onConnection?: (caller: PeerCredentials) => void;
  readonly answer: (request: Http2ServerRequest, response: Http2ServerResponse, caller: PeerCredentials) => void;
}

export interface LocalHttp2 {
  stop(): Promise<void>;
}

const CONNECTIONS_MAX = 256;
const STREAMS_MAX = 64;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** Fails with `HDL_ENGINE_FILE` when the socket cannot be made. Whether others may reach it is for the folder that it lies in to say. */
export async function serveLocalHttp2({ path, onConnection, answer }: LocalHttp2Options): Promise<Result<LocalHttp2>> {
  const callers = new WeakMap<object, PeerCredentials>();
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({ settings: { maxConcurrentStreams: STREAMS_MAX, enablePush: false } });
  server.maxConnections = CONNECTIONS_MAX;
  server.on("session", (session) => {
    const caller = credentialsOf(session.socket);
    session.on("error", () => undefined);
    if (caller === undefined) return session.destroy();
    callers.set(session, caller);
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    onConnection?.(caller);
    return undefined;
  });
  server.on("sessionError", () => undefined);
  server.on("request", (request, response) => {
    const { session } = request.stream;
    const caller = session === undefined ? undefined : callers.get(session);
    if (caller === undefined) request.stream.close();
    else answer(request, response, caller);
  });
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await unlink(path).catch(() => undefined);
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
    await chmod(path, 0o666);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return failure(problem("HDL_ENGINE_FILE", `The socket ${path} cannot be made: ${why}.`, { cause }));
  }
  return success({
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
      await unlink(path).catch(() => undefined);
    },
  });
}

let libc: ReturnType<typeof openLibc> | undefined;

function openLibc() {
  const { i32, ptr: pointer } = FFIType;
  const getsockopt = { args: [i32, i32, i32, pointer, pointer], returns: i32 } as const;
  return dlopen(`libc.so.6`, { getsockopt });
}

/** Undefined where the kernel does not say. */
function credentialsOf(socket: object | undefined): PeerCredentials | undefined {
  const { _handle: handle } = (socket ?? {}) as { readonly _handle?: { readonly fd?: number } };
  const fd = handle?.fd ?? -1;
  if (fd < 0) return undefined;
  libc ??= openLibc();
  const credentials = new Int32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  const status = libc.symbols.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ptr(credentials), ptr(length));
  const [pid = 0, uid = -1, gid = -1] = credentials;
  // A process of another pid namespace has no pid here.
  return status === 0 && pid > 0 ? { pid, uid: uid >>> 0, gid: gid >>> 0 } : undefined;
}

/** A small HTTPS server for public documents. Asks nobody for a certificate. */
import { createServer, type Server } from "node:https";
import { failure, problem, type Result, success } from "#model";

export interface HttpsDocument {
  readonly contentType: string;
  readonly body: string;
}

/** PEM, leaf first. */
export interface HttpsIdentity {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

export interface HttpsServerOptions {
  readonly address: string;
  readonly port: number;
  readonly identity: HttpsIdentity;
  /** Answers one GET by its path; undefined is a 404. */
  readonly answer: (path: string) => HttpsDocument | undefined;
}

export interface HttpsServer {
  readonly port: number;
  /**
   * New connections are shown this identity. The listener is bound anew, since the engine shows callers that name no host the certificate
   * that it was made with; one who comes within those milliseconds has to come again.
   */
  rotate(identity: HttpsIdentity): Promise<Result<void>>;
  stop(): Promise<void>;
}

const CONNECTIONS_MAX = 512;
const REQUEST_TIMEOUT_MS = 10_000;

/** Fails with `HDL_ENGINE_PORT_IN_USE`. */
export async function serveHttps(options: HttpsServerOptions): Promise<Result<HttpsServer>> {
  const first = await bind(options);
  if (!first.ok) return first;
  const { port } = first.value;
  let { server } = first.value;
  let changing: Promise<unknown> = Promise.resolve();
  const rebind = async (identity: HttpsIdentity): Promise<Result<void>> => {
    await close(server);
    const bound = await bind({ ...options, port, identity });
    if (!bound.ok) return bound;
    ({ server } = bound.value);
    return success(undefined);
  };
  return success({
    port,
    rotate(identity) {
      const rotated = changing.then(() => rebind(identity));
      changing = rotated;
      return rotated;
    },
    async stop() {
      await changing;
      await close(server);
    },
  });
}

interface Bound {
  readonly server: Server;
  readonly port: number;
}

function bind({ address, port, identity, answer }: HttpsServerOptions): Promise<Result<Bound>> {
  const { promise, resolve } = Promise.withResolvers<Result<Bound>>();
  const keys = { cert: identity.certificateChainPem, key: identity.privateKeyPem };
  const bounds = { minVersion: "TLSv1.2", requestTimeout: REQUEST_TIMEOUT_MS } as const;
  const server = createServer({ ...keys, ...bounds }, (request, response) => {
    const document = request.method === "GET" ? answer((request.url ?? "").split("?")[0] ?? "") : undefined;
    request.resume();
    if (document === undefined) response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    else response.writeHead(200, { "content-type": document.contentType }).end(document.body);
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.on("tlsClientError", () => undefined);
  server.once("error", (cause) => {
    const why = `Cannot listen on ${address}:${port}: ${cause.message}.`;
    resolve(failure(problem("HDL_ENGINE_PORT_IN_USE", why, { cause })));
  });
  server.listen(port, address, () => {
    const bound = server.address();
    resolve(success({ server, port: typeof bound === "object" && bound !== null ? bound.port : port }));
  });
  return promise;
}

function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return closed;
}

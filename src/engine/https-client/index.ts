/** Fetches one document over HTTPS from a server that is known by the web's authorities, or by what the caller makes of its certificate. */
import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import { failure, problem, type Result, success } from "#model";

export interface HttpsFetch {
  readonly url: URL;
  readonly trust: /** The host's name must be in a certificate of an authority that this machine trusts, or of those given (PEM). */
    | { readonly by: "web"; readonly authoritiesPem?: string }
    /** Judges the leaf, DER, whose key the server has proved to hold. Nothing else vouches for it. */
    | { readonly by: "certificate"; readonly accept: (leafDer: Uint8Array) => Result<unknown> };
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  readonly signal?: AbortSignal;
}

/** The body of a 200. No redirect is followed. Fails with `HDL_ENGINE_UNREACHABLE`, or with the problem of `accept`. */
export function fetchHttps(options: HttpsFetch): Promise<Result<string>> {
  const { url, trust, timeoutMs, bodyBytesMax, signal } = options;
  const { promise, resolve } = Promise.withResolvers<Result<string>>();
  const refuse = (why: string, cause?: unknown): void =>
    resolve(failure(problem("HDL_ENGINE_UNREACHABLE", `${url.href} was not fetched: ${why}.`, { cause })));
  const read = (response: AsyncIterable<Uint8Array>): Promise<void> =>
    readBody(response, bodyBytesMax).then(
      (body) => resolve(success(body)),
      (cause: unknown) => refuse(String(cause), cause),
    );
  const asked = request(url, {
    method: "GET",
    agent: false,
    headers: { accept: "application/json" },
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]),
    rejectUnauthorized: trust.by === "web",
    ...(trust.by === "web" && trust.authoritiesPem !== undefined ? { ca: trust.authoritiesPem } : {}),
  });
  asked.on("response", (response) => {
    const leaf = (response.socket as TLSSocket).getPeerCertificate().raw;
    const accepted = trust.by === "web" ? success(undefined) : trust.accept(new Uint8Array(leaf ?? []));
    if (!accepted.ok) resolve(accepted);
    else if (response.statusCode !== 200) refuse(`it answered ${response.statusCode ?? 0}`);
    else void read(response);
    if (!accepted.ok || response.statusCode !== 200) asked.destroy();
  });
  asked.on("error", (cause) => refuse(cause.message, cause));
  asked.end();
  return promise;
}

async function readBody(stream: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`it is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

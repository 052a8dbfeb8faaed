/** One HTTP request at a time to a server outside the mesh. Bounded in time and size; redirects are not followed, they are the answer. */
import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  Agent as PlainAgent,
  request as requestPlain,
} from "node:http";
import { request as requestSecure, Agent as SecureAgent } from "node:https";
import { isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import { failure, ProblemError, problem, type Result, success } from "#model";

type Pairs = readonly (readonly [string, string])[];

/** By what an `https:` server is judged in place of the roots that the machine trusts. */
export type HttpsTrust =
  /** The host's name must be in a certificate of one of these authorities (PEM). */
  | { readonly by: "authorities"; readonly authoritiesPem: string }
  /** The leaf, DER, whose key the server has proved to hold, before its answer is read. Nothing else vouches for it: send it no secret. */
  | { readonly by: "certificate"; readonly accept: (leafDer: Uint8Array) => Result<unknown> };

export interface HttpAsk {
  /** `https:` servers are judged by the roots that the machine trusts, unless `trust` says otherwise. */
  readonly url: string;
  readonly trust?: HttpsTrust;
  /** What follows the URL, to the letter: nothing in it is read or made nicer. */
  readonly path?: string;
  /** GET unless said. */
  readonly method?: string;
  readonly headers?: Pairs;
  readonly body?: Uint8Array;
  /** From the first step to the last byte of the answer. */
  readonly timeoutMs: number;
  /** A longer answer is a failure. */
  readonly bytesMax: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswered {
  readonly status: number;
  /** Names in lower case, in the order sent. */
  readonly headers: Pairs;
  readonly body: Uint8Array;
}

/** Connections are kept for a moment: who asks often asks again. More requests at once wait for one. */
const KEPT = { keepAlive: true, maxSockets: 256, maxFreeSockets: 16, timeout: 10_000 };
const PLAIN = new PlainAgent(KEPT);
const SECURE = new SecureAgent(KEPT);

/**
 * Fails with `HDL_ENGINE_UNREACHABLE`, or with the problem by which a certificate was not accepted; never by an exception. A status of any kind
 * is an answer.
 */
export async function askHttp(ask: HttpAsk): Promise<Result<HttpAnswered>> {
  const { url, timeoutMs, signal } = ask;
  const late = AbortSignal.timeout(timeoutMs);
  const given = signal === undefined ? late : AbortSignal.any([late, signal]);
  try {
    return success(await answerOf(ask, given, true));
  } catch (cause) {
    if (cause instanceof ProblemError) return failure(...cause.problems);
    const why = late.aborted ? `no answer in ${timeoutMs} ms` : cause instanceof Error ? cause.message : String(cause);
    return failure(problem("HDL_ENGINE_UNREACHABLE", `${withoutQuery(url)} cannot be reached: ${why}.`, { cause }));
  }
}

/** Rejects when there is none. A kept connection that its server has closed meanwhile is tried anew, once. */
function answerOf(ask: HttpAsk, signal: AbortSignal, mayRepeat: boolean): Promise<HttpAnswered> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswered>();
  const url = new URL(ask.url);
  const isSecure = url.protocol === "https:";
  const begin = isSecure ? requestSecure : requestPlain;
  const asked = begin({
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
    ...(isSecure && isIP(url.hostname) === 0 ? { servername: url.hostname } : {}),
    path: ask.path === undefined ? url.pathname + url.search : url.pathname.replace(/\/$/, "") + ask.path,
    method: ask.method ?? "GET",
    headers: headersOf(ask),
    agent: agentFor(ask, isSecure),
    ...trustOptions(ask.trust),
    signal,
  });
  asked.on("response", (response: IncomingMessage) => {
    const accepted = judge(ask.trust, response);
    if (!accepted.ok) {
      asked.destroy();
      return reject(new ProblemError(...accepted.problems));
    }
    readAtMost(response, ask.bytesMax).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: pairsOf(response.rawHeaders), body }),
      (cause: unknown) => {
        asked.destroy();
        reject(cause);
      },
    );
  });
  asked.on("error", (cause: Error) => {
    if (mayRepeat && asked.reusedSocket && !signal.aborted) resolve(answerOf(ask, signal, false));
    else reject(cause);
  });
  asked.end(ask.body);
  return promise;
}

/** By the authorities that their servers are judged by, in the order of use. */
const judging = new Map<string, SecureAgent>();
const JUDGING_MAX = 32;

/** Kept connections are of servers that are judged alike. */
function agentFor({ trust }: HttpAsk, isSecure: boolean): PlainAgent | false {
  if (!isSecure) return PLAIN;
  if (trust === undefined) return SECURE;
  return trust.by === "authorities" ? agentJudgingBy(trust.authoritiesPem) : false;
}

function agentJudgingBy(authoritiesPem: string): SecureAgent {
  const held = judging.get(authoritiesPem) ?? new SecureAgent(KEPT);
  judging.delete(authoritiesPem);
  judging.set(authoritiesPem, held);
  const [oldest = ""] = judging.keys();
  if (judging.size > JUDGING_MAX) {
    judging.get(oldest)?.destroy();
    judging.delete(oldest);
  }
  return held;
}

function trustOptions(trust: HttpsTrust | undefined) {
  if (trust === undefined) return {};
  return trust.by === "authorities" ? { ca: trust.authoritiesPem } : { rejectUnauthorized: false };
}

function judge(trust: HttpsTrust | undefined, { socket }: IncomingMessage): Result<unknown> {
  if (trust?.by !== "certificate") return success(undefined);
  const { raw } = (socket as TLSSocket).getPeerCertificate();
  return trust.accept(new Uint8Array(raw ?? []));
}

function headersOf({ headers = [], body }: HttpAsk): OutgoingHttpHeaders {
  const byName = Map.groupBy(headers, ([name]) => name);
  const plain = [...byName].map(([name, same]) => {
    const values = same.map(([, value]) => value);
    return [name, values.length === 1 ? values[0] : values] as const;
  });
  return { ...Object.fromEntries(plain), "content-length": String(body?.length ?? 0) };
}

function pairsOf(raw: readonly string[]): Pairs {
  const pairs: [string, string][] = [];
  for (let index = 0; index < raw.length; index += 2)
    pairs.push([(raw[index] ?? "").toLowerCase(), raw[index + 1] ?? ""]);
  return pairs;
}

async function readAtMost(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > bytesMax) throw new Error(`its answer is longer than ${bytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** A query may hold what nobody should read in a log. */
function withoutQuery(url: string): string {
  return url.split("?")[0] ?? "";
}

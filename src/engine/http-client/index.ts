/** One HTTP request at a time to a server outside the mesh. Bounded in time and size; redirects are not followed, they are the answer. */
import { failure, problem, type Result, success } from "#model";

export interface HttpAsk {
  /** `https:` servers are judged by the roots that the machine trusts. */
  readonly url: string;
  /** GET unless said. */
  readonly method?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
  /** From the first step to the last byte of the answer. */
  readonly timeoutMs: number;
  /** A longer answer is a failure. */
  readonly bytesMax: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswered {
  readonly status: number;
  /** In lower case, in order; a field that was sent several times may be joined. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Fails with `HDL_ENGINE_UNREACHABLE`, never by an exception. A status of any kind is an answer. */
export async function askHttp(ask: HttpAsk): Promise<Result<HttpAnswered>> {
  const { url, method = "GET", headers = [], body, timeoutMs, signal } = ask;
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method,
      headers: headers.map(([name, value]) => [name, value] as [string, string]),
      ...(body === undefined ? {} : { body }),
      redirect: "manual",
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    });
    const bytes = await readAtMost(response, ask.bytesMax);
    if (bytes === undefined) return unreachable(url, `its answer is longer than ${ask.bytesMax} bytes`);
    return success({ status: response.status, headers: [...response.headers], body: bytes });
  } catch (cause) {
    const why = late.aborted ? `no answer in ${timeoutMs} ms` : cause instanceof Error ? cause.message : String(cause);
    return unreachable(url, why, cause);
  }
}

async function readAtMost(response: Response, bytesMax: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > bytesMax) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function unreachable(url: string, why: string, cause?: unknown): Result<never> {
  return failure(problem("HDL_ENGINE_UNREACHABLE", `${withoutQuery(url)} cannot be reached: ${why}.`, { cause }));
}

/** A query may hold what nobody should read in a log. */
function withoutQuery(url: string): string {
  return url.split("?")[0] ?? "";
}

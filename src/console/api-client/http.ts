/** How a request to the server failed, in the words the page needs: who must act differs between the three. */
export type RequestFailure =
  | { readonly kind: "signed-out" }
  | { readonly kind: "unreachable"; readonly detail: string }
  | { readonly kind: "refused"; readonly status: number; readonly detail: string };

export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly failure: RequestFailure;

  constructor(failure: RequestFailure) {
    super(failure.kind === "signed-out" ? "signed out" : failure.detail);
    this.failure = failure;
  }
}

/** Long enough for a busy laptop, short enough that the page soon says the server is away. */
const REQUEST_TIMEOUT_MS = 5_000;

/** The session cookie is `SameSite=Strict` already; the header makes a forged cross-site mutation impossible twice. */
const MUTATION_HEADERS = { "content-type": "application/json", "x-heddle-request": "1" };

/** Asks for a path's JSON until the signal, or its own patience, ends. */
export function askWith(signal: AbortSignal): (path: string) => Promise<unknown> {
  return (path) => {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    return requestJson(path, { method: "GET", signal: patience });
  };
}

export function postJson(path: string, body: unknown): Promise<unknown> {
  return requestJson(path, {
    method: "POST",
    headers: MUTATION_HEADERS,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
}

async function requestJson(path: string, init: RequestInit): Promise<unknown> {
  const response = await send(path, init);
  if (response.status === 401) throw new RequestError({ kind: "signed-out" });
  if (!response.ok) {
    throw new RequestError({ kind: "refused", status: response.status, detail: await explanationIn(response) });
  }
  if (response.status === 204) return undefined;
  return response.json();
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { credentials: "same-origin", ...init });
  } catch (cause) {
    const timedOut = cause instanceof DOMException && cause.name === "TimeoutError";
    const detail = timedOut ? "The server did not answer within 5 seconds." : "The server cannot be reached.";
    throw new RequestError({ kind: "unreachable", detail });
  }
}

/** The server explains a refusal as `{problems: [{message, next}]}`; a proxy in between may answer anything. */
async function explanationIn(response: Response): Promise<string> {
  const fallback = `The server answered ${response.status}.`;
  try {
    return firstProblem(await response.json()) ?? fallback;
  } catch {
    return fallback;
  }
}

function firstProblem(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("problems" in body) || !Array.isArray(body.problems)) return;
  const [first] = body.problems as readonly { message?: unknown; next?: unknown }[];
  if (typeof first?.message !== "string") return;
  return typeof first.next === "string" ? `${first.message} ${first.next}` : first.message;
}

import { privateFiles } from "#engine/private-files";
import { failure, type Problem, problem, type Result, success } from "#model";
import type { ResourceFile } from "./resources.ts";

const TIMEOUT_MS = 10_000;
const TOKEN_LIFE_S = 120;

/** Where the server's API is and the right to use it. The token is never logged. */
export interface ServerAccess {
  readonly url: string;
  readonly token: string;
}

/** The credential that the server wrote at its first start. */
export async function readServerAccess(dataDirectory: string): Promise<Result<ServerAccess>> {
  const path = `${dataDirectory}/admin.json`;
  const text = await privateFiles.read(path);
  if (!text.ok) return text;
  try {
    const { url, token } = JSON.parse(text.value ?? "") as Partial<ServerAccess>;
    if (typeof url === "string" && typeof token === "string") return success({ url, token });
  } catch {
    // Told below: what is in the file must not be shown.
  }
  return failure(problem("HDL_SUPERVISOR_SERVER", `${path} does not hold the server's address and credential`));
}

interface ErrorBody {
  readonly problems?: readonly Problem[];
  readonly message?: string;
}

async function post(access: ServerAccess, path: string, body: unknown): Promise<Result<unknown>> {
  try {
    const response = await fetch(`${access.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${access.token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer: unknown = await response.json();
    if (response.ok) return success(answer);
    const { problems: [first, ...rest] = [], message } = answer as ErrorBody;
    if (first !== undefined) return failure(first, ...rest);
    return failure(problem("HDL_SUPERVISOR_SERVER", `POST ${path}: ${response.status} ${message ?? ""}`));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return failure(problem("HDL_SUPERVISOR_SERVER", `POST ${path} failed: ${reason}`, { cause }));
  }
}

/** Applies all the files, or none. */
export async function applyResources(access: ServerAccess, files: readonly ResourceFile[]): Promise<Result<void>> {
  const applied = await post(access, "/api/v1/apply", { files });
  return applied.ok ? success(undefined) : applied;
}

/** A join token that is good for one start of one workload's agent. */
export async function createJoinToken(
  access: ServerAccess,
  identity: { readonly namespace: string; readonly serviceAccount: string },
): Promise<Result<string>> {
  const made = await post(access, "/api/v1/tokens", { allowed: [identity], ttlSeconds: TOKEN_LIFE_S });
  if (!made.ok) return made;
  const { token } = made.value as { token?: unknown };
  if (typeof token === "string") return success(token);
  return failure(problem("HDL_SUPERVISOR_SERVER", "the server's answer holds no join token"));
}

/** The console's address with a code that opens one session; the bare address where no code can be had. */
export async function consoleAddress(access: ServerAccess): Promise<string> {
  const made = await post(access, "/api/v1/session-codes", {});
  const { code } = made.ok ? (made.value as { code?: unknown }) : {};
  return typeof code === "string" ? `${access.url}/#code=${code}` : access.url;
}

/** The server's listener for agents that a join token names; undefined when it names none. */
export function serverOfJoinToken(token: string): string | undefined {
  try {
    const bytes = Uint8Array.fromBase64(token.slice(token.indexOf(".") + 1), { alphabet: "base64url" });
    const { server } = JSON.parse(new TextDecoder().decode(bytes)) as { server?: unknown };
    return typeof server === "string" ? server : undefined;
  } catch {
    return undefined;
  }
}

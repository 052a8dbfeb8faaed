import type { AskJson } from "#api";
import { failure, type Problem, ProblemError, problem, type Result, success } from "#model";
import type { ServerAccess } from "#supervisor";
import type { CommandContext } from "../context.ts";

const TIMEOUT_MS = 15_000;

/** GETs JSON below the server's URL. Rejects with a `ProblemError`. */
export function asker(access: ServerAccess): AskJson {
  return async (path) => {
    const response = await request(access, path, AbortSignal.timeout(TIMEOUT_MS));
    return response.json();
  };
}

/** An answer with status 200; anything else rejects with a `ProblemError` that says what to do. */
export async function request(access: ServerAccess, path: string, signal: AbortSignal): Promise<Response> {
  const headers = { authorization: `Bearer ${access.token}` };
  const response = await fetch(access.url + path, { headers, signal }).catch((cause: unknown) => {
    throw new ProblemError(unreachable(access.url, cause));
  });
  if (response.ok) return response;
  const text = (await response.text()).slice(0, 300);
  throw new ProblemError(
    problem("HDL_TELEMETRY_QUERY", `${access.url} answered ${response.status}: ${messageIn(text)}`),
  );
}

function unreachable(url: string, cause: unknown): Problem {
  return problem("HDL_TELEMETRY_QUERY", `${url} does not answer.`, {
    next: "Start the application with `heddle up`, or the server with `heddle server`; `heddle check` says more.",
    cause,
  });
}

function messageIn(text: string): string {
  try {
    const body = JSON.parse(text) as { readonly message?: unknown };
    return typeof body.message === "string" ? body.message : text;
  } catch {
    return text;
  }
}

/** Asks, and prints what was answered: as it is for machines, or drawn for people. */
export async function answerWith<Answer>(
  context: CommandContext,
  question: (ask: AskJson) => Promise<Answer>,
  draw: (answer: Answer) => string,
): Promise<void> {
  const asked = await asking(context, question);
  if (!asked.ok) context.fail(asked);
  else context.show(asked.value, () => draw(asked.value));
}

async function asking<Answer>(
  context: CommandContext,
  question: (ask: AskJson) => Promise<Answer>,
): Promise<Result<Answer>> {
  const access = await context.access();
  if (!access.ok) return access;
  try {
    return success(await question(asker(access.value)));
  } catch (error) {
    if (error instanceof ProblemError) return failure(...error.problems);
    throw error;
  }
}

/** `checkout` is `shop/checkout` where only one namespace has it; a full name stays as it is. */
export function fullName(name: string, known: readonly string[]): Result<string> {
  if (name.includes("/")) return success(name);
  const matches = known.filter((each) => each.endsWith(`/${name}`));
  if (matches.length === 1 && matches[0] !== undefined) return success(matches[0]);
  const message = matches.length === 0 ? `There is no service ${name}.` : `${name} is in several namespaces.`;
  const next = `Name one of: ${(matches.length === 0 ? known : matches).slice(0, 12).join(", ") || "none is known yet"}.`;
  return failure(problem("HDL_TELEMETRY_QUERY", message, { next }));
}

/** What the commands about resources share: asking the server, and telling what changed. */
import type { AppliedView } from "#api";
import { type Failure, failure, type Problem, problem, type Result, success } from "#model";
import type { ServerAccess } from "#supervisor";
import type { CommandContext } from "./context.ts";

const TIMEOUT_MS = 30_000;

export interface Question {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
}

function refusal({ path }: Question, status: number, body: unknown): Failure {
  const { problems: [first, ...rest] = [] } = (body ?? {}) as { problems?: readonly Problem[] };
  return first === undefined
    ? failure(problem("HDL_SUPERVISOR_SERVER", `${path}: the server answered ${status}`))
    : failure(first, ...rest);
}

/** One request to the API with its failures as problems. */
export async function askServer<T>(access: ServerAccess, question: Question): Promise<Result<T>> {
  const { method = "GET", path, body } = question;
  try {
    const response = await fetch(access.url + path, {
      method,
      headers: {
        ...(access.token === "" ? {} : { authorization: `Bearer ${access.token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    return response.ok ? success(answer as T) : refusal(question, response.status, answer);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return failure(problem("HDL_CHECK_SERVER_UNREACHABLE", `${access.url} does not answer: ${reason}`, { cause }));
  }
}

/** Asks the context's server, or tells what is wrong. */
export async function ask<T>(context: CommandContext, question: Question): Promise<T | undefined> {
  const access = await context.access();
  const answer = access.ok ? await askServer<T>(access.value, question) : access;
  if (answer.ok) return answer.value;
  context.fail(answer);
  return undefined;
}

/** `kind/name` with its namespace, as people say it. */
export function nameOf({ kind, namespace, name }: AppliedView["changes"][number]): string {
  return namespace === "" ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

export function printApplied(applied: AppliedView, context: CommandContext): void {
  const lines = applied.changes.map((each) => `${nameOf(each)} ${each.action}`);
  context.show(applied, () => `${[...lines, `revision ${applied.revision}`].join("\n")}\n`);
}

import { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";

/** Where in a user's input something is wrong. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Path of the field inside its document, such as `spec.rules[0].from`. */
  readonly field?: string;
}

/** One expected failure: what is wrong, where, and what to do next. `cause` may be logged but is never sent to a peer. */
export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly next: string;
  readonly at?: Place;
  readonly cause?: unknown;
}

/** A value, or everything that is wrong with the input at once. */
export type Result<T> = { readonly ok: true; readonly value: T } | Failure;
export type Failure = { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

export interface ProblemDetail {
  readonly next?: string;
  readonly at?: Place;
  readonly cause?: unknown;
}

/** A problem of the given code; `next` defaults to the code's usual remedy. */
export function problem(code: ProblemCode, message: string, detail: ProblemDetail = {}): Problem {
  return { code, message, next: PROBLEM_CODES[code].next, ...detail };
}

export function success<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function failure(first: Problem, ...rest: readonly Problem[]): Failure {
  return { ok: false, problems: [first, ...rest] };
}

/** Carries problems across an exception boundary (a library callback, an RPC handler); caught where it can be shown. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problems: readonly [Problem, ...Problem[]];

  constructor(...problems: readonly [Problem, ...Problem[]]) {
    super(problems.map((each) => each.message).join("; "), { cause: problems[0].cause });
    this.problems = problems;
  }
}

/** The value, or a `ProblemError` for code that sits behind an exception boundary anyway. */
export function valueOrThrow<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new ProblemError(...result.problems);
}

function statement({ at, message, code }: Problem): string {
  const place = at === undefined ? "" : `${at.file}:${at.line}:${at.column}: `;
  const field = at?.field === undefined ? "" : `${at.field}: `;
  return `${place}${field}${message} [${code}]`;
}

/** For people: place, message and code, and the next step on a line of its own. */
export function formatProblem(each: Problem): string {
  return `${statement(each)}\n  → ${each.next}`;
}

/** Several, one below the other; neighbours with the same next step share it. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems
    .map((each, index) => (problems[index + 1]?.next === each.next ? statement(each) : formatProblem(each)))
    .join("\n");
}

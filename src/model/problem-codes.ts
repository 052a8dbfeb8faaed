/**
 * Every failure a user can meet, in one table. `docs/reference/errors.md` is generated from it and a test compares the two.
 *
 * A code reads `HDL_<ROOM>_<WHAT>`. `summary` says what happened in general; `next` is the step that usually mends it and
 * is shown when the place of failure knows nothing better.
 */
export const PROBLEM_CODES = {
  HDL_INTERNAL: {
    summary: "A part of Heddle broke one of its own rules.",
    next: "Report it with the message and the output of `heddle check`.",
  },
} as const satisfies Record<string, { readonly summary: string; readonly next: string }>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

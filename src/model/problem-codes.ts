/**
 * Every failure a user can meet, in one table. `docs/reference/errors.md` is generated from it and a test compares the two.
 *
 * A code reads `HDL_<ROOM>_<WHAT>`. `summary` says what happened in general; `next` is the step that usually mends it and
 * is shown when the place of failure knows nothing better.
 */
export const PROBLEM_CODES = {
  HDL_AGENT_APP_SILENT: {
    summary: "The program behind an agent does not answer.",
    next: "Look at the program's own log, and that it listens on the address and port that `PORT` and `HOST` give it.",
  },
  HDL_AGENT_BOOTSTRAP: {
    summary: "The agent's bootstrap document is not usable.",
    next: "Correct the named field; `docs/reference/agent.md` lists them all.",
  },
  HDL_AGENT_TOKEN_MISSING: {
    summary: "An agent without an identity was started without a join token.",
    next: "Create one with `heddle token create` and give it on standard input or in `joinTokenFile`.",
  },
  HDL_ENGINE_PORT_IN_USE: {
    summary: "An address and port that Heddle must listen on is taken.",
    next: "Stop the program that holds it (`ss -ltnp` shows which) or choose another port.",
  },
  HDL_INTERNAL: {
    summary: "A part of Heddle broke one of its own rules.",
    next: "Report it with the message and the output of `heddle check`.",
  },
} as const satisfies Record<string, { readonly summary: string; readonly next: string }>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

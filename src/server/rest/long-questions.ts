import { ProblemError, problem } from "#model";

const AT_ONCE_MAX = 4;

/** Questions that take seconds of the server's time: a few at once, so that nobody keeps it from its agents by asking. */
export class LongQuestions {
  #running = 0;

  /** Rejects with `HDL_API_BUSY` where there are too many. */
  async ask<Answer>(answer: () => Promise<Answer>): Promise<Answer> {
    if (this.#running >= AT_ONCE_MAX)
      throw new ProblemError(
        problem("HDL_API_BUSY", `${AT_ONCE_MAX} questions about recorded traffic are answered now`),
      );
    this.#running++;
    try {
      return await answer();
    } finally {
      this.#running--;
    }
  }
}

/** Questions to external authorizers that are open, over all callers. */
import type { Authorization, Authorizer, CheckedRequest } from "../authorizer.ts";

export class ExternalChecks {
  readonly #openMax: number;
  #open = 0;

  constructor(openMax: number) {
    this.#openMax = openMax;
  }

  /** Tells the answer later, never at once, and nothing any more once the signal has been given. */
  ask(authorizer: Authorizer, question: Question, tell: (answer: Authorization) => void): void {
    const { request, signal } = question;
    const answered = (answer: Authorization): void => {
      if (!signal.aborted) tell(answer);
    };
    if (this.#open >= this.#openMax) return queueMicrotask(() => answered({ kind: "unavailable" }));
    this.#open++;
    authorizer.check(request, signal).then(
      (answer) => {
        this.#open--;
        answered(answer);
      },
      () => {
        this.#open--;
        answered({ kind: "unavailable" });
      },
    );
  }
}

export interface Question {
  readonly request: CheckedRequest;
  readonly signal: AbortSignal;
}

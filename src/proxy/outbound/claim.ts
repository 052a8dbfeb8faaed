/** What one request has taken of its service's circuit, to be given back when it is over. */
import type { CircuitBreaker, Limited } from "#routing";

export class Claim {
  readonly #circuit: CircuitBreaker;
  readonly #what: Limited;
  #isRepetition = false;

  private constructor(circuit: CircuitBreaker, what: Limited) {
    this.#circuit = circuit;
    this.#what = what;
  }

  /** Undefined when there is no room. */
  static on(circuit: CircuitBreaker, what: "requests" | "connections"): Claim | undefined {
    return circuit.tryAcquire(what) ? new Claim(circuit, what) : undefined;
  }

  /** For the first and every further repetition; false when there is no room for one. */
  repeat(): boolean {
    this.#isRepetition ||= this.#circuit.tryAcquire("retries");
    return this.#isRepetition;
  }

  release(): void {
    this.#circuit.release(this.#what);
    if (this.#isRepetition) this.#circuit.release("retries");
  }
}

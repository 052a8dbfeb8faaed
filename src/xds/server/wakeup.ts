/** Lets one waiter sleep until something happened; what happens while it is awake is remembered once. */
export class Wakeup {
  #isSet = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#isSet = true;
    this.#resolve?.();
  }

  async wait(): Promise<void> {
    if (!this.#isSet) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#resolve = resolve;
      await promise;
      this.#resolve = undefined;
    }
    this.#isSet = false;
  }
}

import type { EncodedResource } from "#xds";

/** Version under which a client knows that a name does not exist. */
const ABSENT = "";
const RESOURCES_MAX = 100;
const RESPONSE_BYTES_MAX = 1_048_576;

export interface NamedResource extends EncodedResource {
  readonly name: string;
}

/** One response's worth of changes. */
export interface Changes {
  readonly present: readonly NamedResource[];
  readonly removed: readonly string[];
}

/** What one client subscribed to, holds and refused, of one kind of resource. */
export class KindState {
  readonly #names = new Set<string>();
  #everything = false;
  /** Versions that the client holds. */
  readonly #known = new Map<string, string>();
  /** Versions that the client refused; they are not sent to it again. */
  readonly #refused = new Map<string, string>();
  #sent: Changes | undefined;
  /** After a refusal of several, each goes alone, so that one bad resource does not hold up the others. */
  #alone = false;

  get isAwaited(): boolean {
    return this.#sent !== undefined;
  }

  get subscriptionCount(): number {
    return this.#names.size;
  }

  /** Names asked for again are sent again. */
  subscribe(names: readonly string[], initial: Readonly<Record<string, string>>): void {
    for (const name of names) {
      if (name === "*") this.#everything = true;
      else this.#names.add(name);
      this.#known.delete(name);
    }
    for (const [name, version] of Object.entries(initial)) this.#known.set(name, version);
  }

  subscribeToEverything(): void {
    this.#everything = true;
  }

  unsubscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === "*") this.#everything = false;
      this.#names.delete(name);
      this.#known.delete(name);
      this.#refused.delete(name);
    }
  }

  /** The next changes to send, or undefined when the client holds everything or has not answered yet. */
  next(all: readonly string[], find: (name: string) => EncodedResource | undefined): Changes | undefined {
    if (this.#sent !== undefined) return undefined;
    const names = new Set([...this.#names, ...(this.#everything ? all : [])]);
    const changes = { present: [] as NamedResource[], removed: [] as string[] };
    let bytes = 0;
    for (const [name, found] of this.#unsettled(names, find)) {
      if (found === undefined) changes.removed.push(name);
      else changes.present.push({ name, ...found });
      bytes += found?.bytes.length ?? 0;
      if (this.#isFull(changes, bytes)) break;
    }
    const isEmpty = changes.present.length + changes.removed.length === 0;
    if (isEmpty) this.#alone = false;
    this.#sent = isEmpty ? undefined : changes;
    return this.#sent;
  }

  /** What the client should hold and does not, then what it holds and should not. */
  *#unsettled(
    names: ReadonlySet<string>,
    find: (name: string) => EncodedResource | undefined,
  ): Generator<[string, EncodedResource | undefined]> {
    for (const name of names) {
      const found = find(name);
      if (!this.#isSettled(name, found?.version ?? ABSENT)) yield [name, found];
    }
    for (const [name, version] of this.#known)
      if (version !== ABSENT && !names.has(name) && !this.#isSettled(name, ABSENT)) yield [name, undefined];
  }

  /** Whether the client holds this version or will not have it. */
  #isSettled(name: string, version: string): boolean {
    return this.#known.get(name) === version || this.#refused.get(name) === version;
  }

  acknowledge(): void {
    for (const { name, version } of this.#sent?.present ?? []) this.#known.set(name, version);
    for (const name of this.#sent?.removed ?? []) {
      if (this.#names.has(name)) this.#known.set(name, ABSENT);
      else this.#known.delete(name);
    }
    this.#sent = undefined;
  }

  /** The names that were refused for good: one alone; several are tried one by one first. */
  refuse(): readonly string[] {
    const { present = [], removed = [] } = this.#sent ?? {};
    this.#sent = undefined;
    if (present.length + removed.length > 1) {
      this.#alone = true;
      return [];
    }
    for (const { name, version } of present) this.#refused.set(name, version);
    for (const name of removed) this.#refused.set(name, ABSENT);
    return [...present.map(({ name }) => name), ...removed];
  }

  #isFull({ present, removed }: Changes, bytes: number): boolean {
    const count = present.length + removed.length;
    return count >= (this.#alone ? 1 : RESOURCES_MAX) || bytes >= RESPONSE_BYTES_MAX;
  }
}

/** RFC 7541 §2.3.2, §4: recently sent fields, newest first, bounded by size. A ring, so that adding moves nothing. */

/** What an entry counts for beyond its octets (§4.1). */
const ENTRY_OVERHEAD = 32;

export class DynamicTable {
  #names: string[] = [];
  #values: string[] = [];
  /** Absolute number of the oldest entry, and one past the newest: an entry keeps its number for life. */
  #oldest = 0;
  #next = 0;
  #size = 0;
  #sizeMax: number;
  /** Counts what changes the table, and with it the meaning of an index. */
  changes = 0;
  readonly #onEvict: ((name: string, value: string, entry: number) => void) | undefined;

  constructor(sizeMax: number, onEvict?: (name: string, value: string, entry: number) => void) {
    this.#sizeMax = sizeMax;
    this.#onEvict = onEvict;
  }

  get length(): number {
    return this.#next - this.#oldest;
  }

  get sizeMax(): number {
    return this.#sizeMax;
  }

  resize(sizeMax: number): void {
    this.changes++;
    this.#sizeMax = sizeMax;
    this.#evict(0);
  }

  /** Adds an entry and returns its absolute number, or -1 when it is larger than the table, which empties it (§4.4). */
  add(name: string, value: string): number {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.changes++;
    this.#evict(size);
    if (size > this.#sizeMax) return -1;
    this.#names.push(name);
    this.#values.push(value);
    this.#size += size;
    return this.#next++;
  }

  /** Index from 0, the newest, of an absolute number. */
  indexOf(entry: number): number {
    return this.#next - 1 - entry;
  }

  name(index: number): string {
    return this.#names[this.#names.length - 1 - index] ?? "";
  }

  value(index: number): string {
    return this.#values[this.#values.length - 1 - index] ?? "";
  }

  #evict(room: number): void {
    let gone = this.#names.length - this.length;
    while (this.#size + room > this.#sizeMax && this.length > 0) {
      const name = this.#names[gone] ?? "";
      const value = this.#values[gone] ?? "";
      this.#size -= name.length + value.length + ENTRY_OVERHEAD;
      this.#onEvict?.(name, value, this.#oldest);
      this.#oldest++;
      gone++;
    }
    this.#compact(gone);
  }

  /** Evicted entries leave the arrays in batches: shifting at each eviction would move all that stay. */
  #compact(gone: number): void {
    if (gone < 64 && gone < this.#names.length) return;
    this.#names = this.#names.slice(gone);
    this.#values = this.#values.slice(gone);
  }
}

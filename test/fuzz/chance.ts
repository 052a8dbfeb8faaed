/** Repeatable choices: the same seed makes the same inputs. */
import { seededRandom } from "../fakes/random.ts";

export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed).next;
  }

  /** A whole number from 0 to `below`, exclusive. */
  int(below: number): number {
    return Math.floor(this.#next() * below);
  }

  /** True in `share` of the cases, 0 to 1. */
  odds(share: number): boolean {
    return this.#next() < share;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)] as T;
  }

  /** The first of the list mostly; one of the rest in `share` of the cases. */
  mostly<T>(from: readonly T[], share: number): T {
    return this.odds(share) ? this.pick(from) : (from[0] as T);
  }

  /** As many of `make` as chance has it, up to `max`; few more often than many. */
  several<T>(max: number, make: () => T): T[] {
    const count = Math.floor(this.#next() * this.#next() * (max + 1));
    return Array.from({ length: count }, make);
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) bytes[at] = this.int(256);
    return bytes;
  }
}

/** A seed for one input of a run: near numbers give seeds that have nothing in common. */
export function seedOf(run: number, target: string, index: number): number {
  let hash = (run ^ 0x9e3779b9) >>> 0;
  for (const char of target) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ index, 0x85ebca6b) >>> 0;
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** A number that depends on all bytes: what a check wants to choose by chance must be the same for the same input. */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

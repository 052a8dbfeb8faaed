/** Small damage to an input: what a careless or hostile sender, or a broken middle box, would do to it. */
import type { Chance } from "./chance.ts";

/** Bytes that mean something to some parser. */
const TELLING = Buffer.from('\0\t\n\x0b\x0c\r "#%,-./0159:;=?@AFXZ[]_afxz{|}~\x7f\x80\x85\xa0\xff', "latin1");

type Mutation = (bytes: Buffer, chance: Chance) => Buffer;

const replace: Mutation = (bytes, chance) => {
  const changed = Buffer.from(bytes);
  if (changed.length > 0) changed[chance.int(changed.length)] = chance.odds(0.7) ? telling(chance) : chance.int(256);
  return changed;
};

const insert: Mutation = (bytes, chance) => {
  const at = chance.int(bytes.length + 1);
  const added = Buffer.from([telling(chance)]);
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
};

const remove: Mutation = (bytes, chance) => {
  const [from, to] = span(bytes, chance, 8);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

const repeat: Mutation = (bytes, chance) => {
  const [from, to] = span(bytes, chance, 40);
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
};

const move: Mutation = (bytes, chance) => {
  const [from, to] = span(bytes, chance, 40);
  const rest = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  const at = chance.int(rest.length + 1);
  return Buffer.concat([rest.subarray(0, at), bytes.subarray(from, to), rest.subarray(at)]);
};

const flip: Mutation = (bytes, chance) => {
  const changed = Buffer.from(bytes);
  const at = chance.int(changed.length);
  if (changed.length > 0) changed[at] = (changed[at] as number) ^ (1 << chance.int(8));
  return changed;
};

const truncate: Mutation = (bytes, chance) => bytes.subarray(0, chance.int(bytes.length + 1));

const MUTATIONS: readonly Mutation[] = [replace, replace, insert, insert, remove, repeat, move, flip, truncate];

function telling(chance: Chance): number {
  return TELLING[chance.int(TELLING.length)] as number;
}

function span(bytes: Buffer, chance: Chance, longest: number): readonly [number, number] {
  const from = chance.int(bytes.length);
  return [from, Math.min(bytes.length, from + 1 + chance.int(longest))];
}

/** The bytes with up to three mutations; half of the inputs stay as they were made. */
export function mutate(bytes: Buffer, chance: Chance): Buffer {
  if (chance.odds(0.5)) return bytes;
  let changed = bytes;
  for (let left = 1 + chance.int(3); left > 0; left--) changed = chance.pick(MUTATIONS)(changed, chance);
  return changed;
}

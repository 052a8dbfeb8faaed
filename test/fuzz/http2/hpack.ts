/** HPACK: any block is read as the RFC says or refused, and what is encoded decodes to the same. */
import { isDeepStrictEqual } from "node:util";
import type { FieldList } from "#wire/fields";
import { OutputBuffer } from "#wire/output";
import { HpackDecoder } from "../../../src/wire/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../../src/wire/http2/hpack/encoder.ts";
import type { Chance } from "../chance.ts";
import { Script } from "../script.ts";
import { pureChecker, type Target } from "../target.ts";
import { huffmanOf, NaiveFault, NaiveHpackDecoder } from "./naive-hpack.ts";

const LIMITS = { tableBytesMax: 300, listBytesMax: 2000 };
const NAMES = [":path", "a", "x-b", "cookie", "user-agent", "content-type", ":status", "date", "", "x".repeat(200)];
const VALUES = ["", "/", "200", "b", "text/plain", "\xff\0", "v".repeat(120), "w".repeat(300)];

/** Inputs are blocks, each after its length in two bytes. */
export const hpackBlocks: Target = {
  name: "hpack-blocks",
  share: 1,
  make: (chance) =>
    Buffer.concat(
      Array.from({ length: 1 + chance.int(4) }, () => {
        const block = makeBlock(chance);
        return Buffer.concat([Buffer.from([block.length >> 8, block.length & 255]), block]);
      }),
    ),
  open: () => pureChecker(checkBlocks),
};

/** Inputs are scripts of lists to encode and limits to set. */
export const hpackLists: Target = {
  name: "hpack-lists",
  share: 1,
  make: (chance) => chance.bytes(20 + chance.int(300)),
  open: () => pureChecker(checkLists),
};

function makeBlock(chance: Chance): Buffer {
  const updates = chance.odds(0.2) ? [integer(0x20, 5, chance.int(chance.odds(0.8) ? 301 : 5000))] : [];
  return Buffer.concat([...updates, ...chance.several(8, () => representation(chance))]);
}

function representation(chance: Chance): Buffer {
  // Past the static table, most often within what a few blocks can have put into the dynamic one.
  const index = chance.odds(0.5) ? 1 + chance.int(61) : 62 + chance.int(chance.odds(0.9) ? 4 : 2000);
  const form = chance.int(4);
  if (form === 0) return integer(0x80, 7, index);
  const isNamed = chance.odds(0.5);
  const head = form === 1 ? integer(0x40, 6, isNamed ? index : 0) : integer((form - 2) * 0x10, 4, isNamed ? index : 0);
  const name = isNamed ? Buffer.alloc(0) : string(chance, chance.pick(NAMES));
  return Buffer.concat([head, name, string(chance, chance.pick(VALUES))]);
}

function string(chance: Chance, text: string): Buffer {
  const isHuffman = chance.odds(0.5);
  const bytes = isHuffman ? huffmanOf(text) : Buffer.from(text, "latin1");
  return Buffer.concat([integer(isHuffman ? 0x80 : 0, 7, bytes.length), bytes]);
}

function integer(pattern: number, prefix: number, value: number): Buffer {
  const largest = 2 ** prefix - 1;
  if (value < largest) return Buffer.from([pattern | value]);
  const octets = [pattern | largest];
  let rest = value - largest;
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push((rest % 128) + 128);
  return Buffer.from([...octets, rest]);
}

function checkBlocks(input: Buffer): string | undefined {
  const ours = new HpackDecoder(LIMITS);
  const naive = new NaiveHpackDecoder(LIMITS);
  const script = new Script(input);
  while (!script.isOver) {
    const block = script.take((script.byte() << 8) | script.byte());
    const fields = ours.decode(block, 0, block.length);
    const expected = decodeNaively(naive, block);
    if (expected === undefined || ours.fault !== undefined) {
      return (expected === undefined) === (ours.fault !== undefined)
        ? undefined
        : `fault: ours ${ours.fault}, expected ${JSON.stringify(expected)}`;
    }
    if (!isDeepStrictEqual(fields, expected))
      return `list: ours ${JSON.stringify(fields)}, expected ${JSON.stringify(expected)}`;
  }
  return undefined;
}

function decodeNaively(naive: NaiveHpackDecoder, block: Buffer): FieldList | undefined {
  try {
    return naive.decode(block);
  } catch (error) {
    if (error instanceof NaiveFault) return undefined;
    throw error;
  }
}

function checkLists(input: Buffer): string | undefined {
  const script = new Script(input);
  const tableBytes = script.int(600);
  const encoder = new HpackEncoder(tableBytes);
  const limits = { tableBytesMax: tableBytes, listBytesMax: 1_000_000 };
  const decoder = new HpackDecoder(limits);
  const naive = new NaiveHpackDecoder(limits);
  while (!script.isOver) {
    if (script.int(8) === 0) encoder.limitTable(script.int(700));
    const fields = Array.from({ length: script.int(8) }, () => [
      script.pick(NAMES),
      script.pick([...VALUES, `v${script.byte()}`]),
    ]).flat();
    const output = new OutputBuffer();
    encoder.encode(fields, output);
    const block = Buffer.from(output.peek());
    const decoded = decoder.decode(block, 0, block.length);
    if (decoder.fault !== undefined) return `fault: what we encoded is refused, ${decoder.fault}`;
    if (!isDeepStrictEqual(decoded, fields)) return `list: ours ${JSON.stringify(decoded)}, ${JSON.stringify(fields)}`;
    if (!isDeepStrictEqual(naive.decode(block), fields)) return "list: what we encoded reads otherwise by the RFC";
  }
  return undefined;
}

/** Huffman decoding of string literals (RFC 7541 §5.2), a nibble at a step through a table made once. */
import { HUFFMAN_CODES, HUFFMAN_LENGTHS } from "./huffman-code.ts";

const END_OF_STRING = 256;
const NIBBLES = 16;
/** An entry packs the next node (bits 0–15), the byte that was completed (16–23), and these flags. */
const EMITS = 1 << 24;
const FAILS = 1 << 25;
const NODE_MASK = 0xffff;

interface Node {
  readonly children: (Node | number)[];
  readonly id: number;
  /** Depth below the last completed byte, and whether every bit on the way was 1: what padding may look like. */
  readonly isPadding: boolean;
}

function buildTree(): readonly Node[] {
  const nodes: Node[] = [];
  const make = (depth: number, isOnes: boolean): Node => {
    const node: Node = { children: [], id: nodes.length, isPadding: isOnes && depth < 8 };
    nodes.push(node);
    return node;
  };
  const root = make(0, true);
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) insert(root, symbol, make);
  return nodes;
}

function insert(root: Node, symbol: number, make: (depth: number, isOnes: boolean) => Node): void {
  const code = HUFFMAN_CODES[symbol] ?? 0;
  const length = HUFFMAN_LENGTHS[symbol] ?? 0;
  let node = root;
  let isOnes = true;
  for (let bit = length - 1; bit > 0; bit--) {
    const branch = (code >>> bit) & 1;
    isOnes = isOnes && branch === 1;
    const next = node.children[branch] ?? make(length - bit, isOnes);
    node.children[branch] = next;
    node = next as Node;
  }
  node.children[code & 1] = symbol;
}

/** For each node and nibble, where it leads; no code is shorter than five bits, so a nibble completes at most one byte. */
function buildTable(nodes: readonly Node[]): Int32Array {
  const table = new Int32Array(nodes.length * NIBBLES);
  for (const node of nodes) {
    for (let nibble = 0; nibble < NIBBLES; nibble++) table[node.id * NIBBLES + nibble] = follow(nodes, node, nibble);
  }
  return table;
}

function follow(nodes: readonly Node[], start: Node, nibble: number): number {
  let node = start;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = node.children[(nibble >>> bit) & 1];
    if (next === undefined || next === END_OF_STRING) return FAILS;
    if (typeof next === "number") {
      emitted = EMITS | (next << 16);
      node = nodes[0] as Node;
    } else node = next;
  }
  return emitted | node.id;
}

const NODES = buildTree();
const TABLE = buildTable(NODES);
const PADDING: readonly boolean[] = NODES.map((node) => node.isPadding);

/** The decoded latin1 string, or undefined when the code is invalid or its padding is not the start of the end of string. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  // A byte takes at least five bits.
  const decoded = Buffer.allocUnsafe(Math.ceil(((end - start) * 8) / 5));
  let length = 0;
  let node = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const entry = TABLE[node * NIBBLES + ((byte >>> shift) & 15)] as number;
      if ((entry & FAILS) !== 0) return undefined;
      if ((entry & EMITS) !== 0) decoded[length++] = (entry >>> 16) & 0xff;
      node = entry & NODE_MASK;
    }
  }
  return PADDING[node] === true ? decoded.toString("latin1", 0, length) : undefined;
}

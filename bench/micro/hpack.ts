/** HPACK on a connection that has seen such a request before, and on one that has not. */
import type { FieldList } from "#wire/fields";
import { OutputBuffer } from "#wire/output";
import { HpackDecoder } from "../../src/wire/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/wire/http2/hpack/encoder.ts";
import type { Piece } from "./timing.ts";

const TABLE_BYTES = 4096;

const REQUEST: FieldList = [
  ...[":method", "GET", ":scheme", "https", ":authority", "orders.shop.svc:8080", ":path", "/api/orders/1842"],
  ...["user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "accept", "application/json"],
  ...["accept-encoding", "gzip, deflate, br", "x-request-id", "7a2e1f6c-54b0-4d55-9d37-1f0f0f6f3d11"],
  ...["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
];

const newDecoder = () => new HpackDecoder({ tableBytesMax: TABLE_BYTES, listBytesMax: 65_536 });

function encoded(encoder: HpackEncoder, output: OutputBuffer): Buffer {
  encoder.encode(REQUEST, output);
  const block = Buffer.from(output.peek());
  output.consume(block.length);
  return block;
}

function encode(): Piece {
  const encoder = new HpackEncoder(TABLE_BYTES);
  const output = new OutputBuffer();
  return {
    name: "hpack encode, 9 fields, seen before",
    run() {
      encoder.encode(REQUEST, output);
      const { length } = output.peek();
      output.consume(length);
      return length;
    },
  };
}

function decodeSeen(): Piece {
  const encoder = new HpackEncoder(TABLE_BYTES);
  const output = new OutputBuffer();
  const decoder = newDecoder();
  const first = encoded(encoder, output);
  decoder.decode(first, 0, first.length);
  const block = encoded(encoder, output);
  return {
    name: `hpack decode, 9 fields in ${block.length} bytes, seen before`,
    run: () => decoder.decode(block, 0, block.length).length,
  };
}

function decodeNew(): Piece {
  const block = encoded(new HpackEncoder(TABLE_BYTES), new OutputBuffer());
  return {
    name: `hpack decode, 9 fields in ${block.length} bytes, new connection`,
    run: () => newDecoder().decode(block, 0, block.length).length,
  };
}

export const hpackPieces = (): readonly Piece[] => [encode(), decodeSeen(), decodeNew()];

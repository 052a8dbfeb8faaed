import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { FieldList } from "#wire/fields";
import { OutputBuffer } from "#wire/output";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";

function decoder(): HpackDecoder {
  return new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65_536 });
}

function decodeHex(from: HpackDecoder, hex: string): FieldList {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  return from.decode(bytes, 0, bytes.length);
}

const REQUESTS: readonly FieldList[] = [
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
  [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com", "cache-control", "no-cache"],
  [
    ":method",
    "GET",
    ":scheme",
    "https",
    ":path",
    "/index.html",
    ":authority",
    "www.example.com",
    "custom-key",
    "custom-value",
  ],
];

describe("the examples of RFC 7541, appendix C", () => {
  const blocks: readonly [string, readonly string[]][] = [
    [
      "C.3, without Huffman",
      [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
      ],
    ],
    [
      "C.4, with Huffman",
      [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
      ],
    ],
  ];
  test.each(blocks)("%s", (_name, hexes) => {
    const from = decoder();
    for (const [index, hex] of hexes.entries()) expect(decodeHex(from, hex)).toEqual(REQUESTS[index] as FieldList);
  });

  test("C.6, responses with Huffman and a table of 256 octets from which entries are evicted", () => {
    const from = new HpackDecoder({ tableBytesMax: 256, listBytesMax: 65_536 });
    const date = "Mon, 21 Oct 2013 20:13:21 GMT";
    expect(
      decodeHex(
        from,
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      ),
    ).toEqual([":status", "302", "cache-control", "private", "date", date, "location", "https://www.example.com"]);
    expect(decodeHex(from, "4883640effc1c0bf")).toEqual([
      ":status",
      "307",
      "cache-control",
      "private",
      "date",
      date,
      "location",
      "https://www.example.com",
    ]);
    expect(
      decodeHex(
        from,
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
      ),
    ).toEqual([
      ":status",
      "200",
      "cache-control",
      "private",
      "date",
      "Mon, 21 Oct 2013 20:13:22 GMT",
      "location",
      "https://www.example.com",
      "content-encoding",
      "gzip",
      "set-cookie",
      "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ]);
  });
});

describe("blocks that are refused", () => {
  const cases: readonly [string, string, string][] = [
    ["index 0", "80", "bad-index"],
    ["an index beyond the tables", "fe", "bad-index"],
    ["a name index beyond the tables", "7f0000", "bad-index"],
    ["an integer that goes on too long", "ffffffffffffffffff", "bad-integer"],
    ["an integer that is cut off", "ff", "bad-integer"],
    ["a string that is cut off", "400a6375", "bad-string"],
    ["padding of eight bits", "400161821fff", "bad-huffman"],
    ["padding that is not the end of string", "4001618118", "bad-huffman"],
    ["a table larger than allowed", "3fe1ff03", "bad-table-size"],
    ["a size update after a field", "8220", "bad-table-size"],
  ];
  test.each(cases)("%s", (_name, hex, fault) => {
    const from = decoder();
    decodeHex(from, hex);
    expect(from.fault).toBe(fault as never);
  });
});

test("what is encoded decodes to the same lists, through evictions and changes of the table's size", () => {
  const name = fc.constantFrom(
    ":path",
    "a",
    "b-c",
    "cookie",
    "authorization",
    "user-agent",
    "x-request-id",
    "content-type",
  );
  const list = fc.array(fc.tuple(name, fc.string({ maxLength: 300 })), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(list, { maxLength: 20 }), fc.integer({ min: 0, max: 600 }), (lists, tableBytes) => {
      const to = new HpackEncoder(400);
      const from = new HpackDecoder({ tableBytesMax: 400, listBytesMax: 1_000_000, repeats: true });
      for (const [index, pairs] of lists.entries()) {
        if (index === 3) to.limitTable(tableBytes);
        const fields = pairs.flat();
        for (const _ of ["first", "again", "once more"]) {
          const output = new OutputBuffer();
          to.encode(fields, output);
          const bytes = Buffer.from(output.peek());
          expect(from.decode(bytes, 0, bytes.length)).toEqual(fields);
          expect(from.fault).toBeUndefined();
        }
      }
    }),
  );
});

test("secrets are marked never to be indexed", () => {
  const to = new HpackEncoder(4096);
  for (const _ of [1, 2]) {
    const output = new OutputBuffer();
    to.encode(["authorization", "Bearer x"], output);
    expect((output.peek()[0] as number) & 0xf0).toBe(0x10);
  }
});

describe("a response that repeats", () => {
  const answer = [":status", "200", "content-length", "1024", "server", "shop"];
  const pair = () => ({
    to: new HpackEncoder(4096),
    from: new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65_536, repeats: true }),
  });
  const pass = ({ to, from }: ReturnType<typeof pair>, fields: FieldList): FieldList => {
    const output = new OutputBuffer();
    to.encode(fields, output);
    const bytes = Buffer.from(output.peek());
    return from.decode(bytes, 0, bytes.length);
  };

  test("is the very same list once the table has settled", () => {
    const both = pair();
    pass(both, answer);
    const second = pass(both, answer);
    expect(second).toEqual(answer);
    for (const _ of [3, 4, 5]) expect(pass(both, answer)).toBe(second);
  });

  test("is read anew after the table has changed", () => {
    const both = pair();
    for (const _ of [1, 2, 3, 4]) pass(both, answer);
    expect(pass(both, [":status", "404", "x-new", "entry", "server", "shop"])).toContain("x-new");
    for (const _ of [1, 2, 3]) expect(pass(both, answer)).toEqual(answer);
  });

  test("is not taken for one of the same length", () => {
    const both = pair();
    const other = [":status", "200", "content-length", "2048", "server", "shop"];
    for (const fields of [answer, other, other, answer, other, answer, answer]) {
      expect(pass(both, fields)).toEqual(fields);
    }
  });

  test("says what it would say to a decoder that remembers nothing, whatever it does to the table", () => {
    const literal = (first: number, name: string, value: string): Buffer => {
      const text = (of: string): Buffer => Buffer.concat([Buffer.from([of.length]), Buffer.from(of)]);
      return Buffer.concat([Buffer.from([first]), text(name), text(value)]);
    };
    const texts = [fc.constantFrom("a", "b"), fc.constantFrom("x", "yy")] as const;
    const field = fc.oneof(
      // Few, so that blocks repeat; 62 to 64 name the newest of the table, if there are so many.
      fc.constantFrom(0x82, 0x88, 0xbe, 0xbf, 0xc0).map((octet) => Buffer.from([octet])),
      fc.tuple(...texts).map(([name, value]) => literal(0x40, name, value)),
      fc.tuple(...texts).map(([name, value]) => literal(0x00, name, value)),
      fc.constantFrom("x", "yy").map((value) => Buffer.concat([Buffer.from([0x7e, value.length]), Buffer.from(value)])),
    );
    const size = fc.constantFrom(0x20, 0x3f).map((octet) => Buffer.from(octet === 0x20 ? [0x20] : [0x3f, 0x45]));
    const block = fc
      .tuple(fc.array(size, { maxLength: 1 }), fc.array(field, { minLength: 1, maxLength: 3 }))
      .map(([sizes, fields]) => Buffer.concat([...(sizes.length > 0 && fields.length > 2 ? sizes : []), ...fields]));
    fc.assert(
      fc.property(fc.array(block, { minLength: 2, maxLength: 40 }), (blocks) => {
        const decoders = [true, false].map(
          (repeats) => new HpackDecoder({ tableBytesMax: 100, listBytesMax: 65_536, repeats }),
        );
        for (const bytes of blocks) {
          const [one, other] = decoders.map((decoder) => [decoder.decode(bytes, 0, bytes.length), decoder.fault]);
          expect(one).toEqual(other!);
          if (one?.[1] !== undefined) return;
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("is the very same list from a peer that adds it to the table each time", () => {
    const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65_536, repeats: true });
    const bytes = Buffer.from("\x88\x40\x06server\x05nginx", "latin1");
    const lists = Array.from({ length: 200 }, () => decoder.decode(bytes, 0, bytes.length));
    expect(new Set(lists).size).toBe(1);
    expect(lists[0]).toEqual([":status", "200", "server", "nginx"]);
    // The table holds what was added last.
    expect(decoder.decode(Buffer.from([0xbe]), 0, 1)).toEqual(["server", "nginx"]);
  });
});

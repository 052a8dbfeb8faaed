/** Frames of HTTP/2 as bytes, for what no honest session would send. */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header block by the static table: method and path as they are said, `http`, an authority. */
export function requestBlock(method: "GET" | "POST", path: string): Buffer {
  const literal = (name: number, value: string): Buffer => Buffer.from([name, value.length, ...Buffer.from(value)]);
  return Buffer.concat([Buffer.from([method === "GET" ? 0x82 : 0x83, 0x86]), literal(4, path), literal(1, "back")]);
}

/** The error code of the GOAWAY among these bytes, if there is one. */
export function goawayCode(bytes: Buffer): number | undefined {
  let code: number | undefined;
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === 7 && at + 17 <= bytes.length) code = bytes.readUInt32BE(at + 13);
  }
  return code;
}

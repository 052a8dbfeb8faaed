/** Hellos of a TLS client, put together by hand: every part can be left out, repeated or made wrong. */

const vector = (width: 1 | 2 | 3, bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(width);
  length.writeUIntBE(bytes.length, 0, width);
  return Buffer.concat([length, bytes]);
};

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);

export function extension(type: number, data: Uint8Array): Buffer {
  return Buffer.concat([uint16(type), vector(2, data)]);
}

export function serverName(name: string | Uint8Array, type = 0): Buffer {
  return extension(0, vector(2, Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name as string))])));
}

export function alpn(...protocols: readonly string[]): Buffer {
  return extension(16, vector(2, Buffer.concat(protocols.map((name) => vector(1, Buffer.from(name, "latin1"))))));
}

export interface HelloParts {
  readonly version?: number;
  readonly sessionId?: Uint8Array;
  readonly suites?: Uint8Array;
  readonly compressions?: Uint8Array;
  /** Undefined leaves out the list itself. */
  readonly extensions?: readonly Uint8Array[] | undefined;
  /** Behind the extensions. */
  readonly rest?: Uint8Array;
}

const nothing = Buffer.alloc(0);

/** The message with its type and length. */
export function helloMessage(parts: HelloParts = {}): Buffer {
  const { version = 0x0303, sessionId = Buffer.alloc(32, 7), suites = Buffer.from([0x13, 1]) } = parts;
  const { compressions = Buffer.from([0]), extensions, rest = nothing } = parts;
  const body = Buffer.concat([
    uint16(version),
    Buffer.alloc(32, 9),
    vector(1, sessionId),
    vector(2, suites),
    vector(1, compressions),
    extensions === undefined ? nothing : vector(2, Buffer.concat(extensions)),
    rest,
  ]);
  return Buffer.concat([Buffer.from([1]), vector(3, body)]);
}

export function record(fragment: Uint8Array, type = 22, version = 0x0301): Buffer {
  return Buffer.concat([Buffer.from([type]), uint16(version), vector(2, fragment)]);
}

/** The message over records of so many bytes. */
export function records(message: Uint8Array, bytes = 2 ** 14): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += bytes) parts.push(record(message.subarray(at, at + bytes)));
  return Buffer.concat(parts);
}

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { failure, problem, type Result, success } from "#model";
import { type DeltaDiscoveryResponse, DeltaDiscoveryResponseSchema } from "#proto";
import { type HeldResources, kindOf, NOTHING_HELD, RESOURCE_KINDS, typeUrlOf, withChange } from "#xds";

/** Where an agent keeps what it last ran by. */
export interface LastGood {
  /** Undefined when nothing is kept. */
  load(): Promise<Result<Uint8Array | undefined>>;
  /** Replaces what is kept, whole or not at all. */
  save(bytes: Uint8Array): Promise<Result<void>>;
}

/** Marks the file, and its form: another form is not read. */
const MAGIC = new TextEncoder().encode("heddle-last-good-2\n");
const HASH_LENGTH = 64;

/** What is held, with a hash before it: a file that a crash or a disk damaged is noticed. */
export function encodeLastGood(
  { held, revision }: { readonly held: HeldResources; readonly revision: number },
  hash: (bytes: Uint8Array) => string,
): Uint8Array {
  const parts = RESOURCE_KINDS.map((kind) => {
    const bytes = toBinary(DeltaDiscoveryResponseSchema, responseOf(held, kind, revision));
    return concat([lengthOf(bytes), bytes]);
  });
  const body = concat(parts);
  return concat([MAGIC, new TextEncoder().encode(hash(body)), body]);
}

/** Fails with `HDL_XDS_LAST_GOOD` when it is damaged or of another form. */
export function decodeLastGood(
  bytes: Uint8Array,
  hash: (bytes: Uint8Array) => string,
): Result<{ readonly held: HeldResources; readonly revision: number }> {
  const body = bytes.subarray(MAGIC.length + HASH_LENGTH);
  const head = new TextDecoder().decode(bytes.subarray(0, MAGIC.length + HASH_LENGTH));
  if (head !== new TextDecoder().decode(MAGIC) + hash(body)) return damaged("its hash is wrong");
  let held = NOTHING_HELD;
  let revision = 0;
  for (let at = 0; at < body.length; ) {
    const length = new DataView(body.buffer, body.byteOffset + at).getUint32(0);
    const response = fromBinary(DeltaDiscoveryResponseSchema, body.subarray(at + 4, at + 4 + length));
    const next = withResponse(held, response);
    if (!next.ok) return damaged(next.problems[0].message);
    held = next.value;
    revision = Number(response.systemVersionInfo);
    at += 4 + length;
  }
  return success({ held, revision });
}

/** What is held after a response. Fails with what is wrong with it. */
export function withResponse(held: HeldResources, response: DeltaDiscoveryResponse): Result<HeldResources> {
  const kind = kindOf(response.typeUrl);
  if (kind === undefined)
    return failure(problem("HDL_XDS_RESOURCE_INVALID", `${response.typeUrl}: a type that is not known here.`));
  const present = response.resources.map(({ name, version, resource }) => {
    const isOfType = resource === undefined || resource.typeUrl === response.typeUrl;
    return { name, version, bytes: isOfType ? (resource?.value ?? new Uint8Array()) : WRONG_TYPE };
  });
  return withChange(held, { kind, present, removed: response.removedResources });
}

/** No message: an unfinished field. */
const WRONG_TYPE = Uint8Array.of(0xff);

function responseOf(held: HeldResources, kind: (typeof RESOURCE_KINDS)[number], revision: number) {
  const typeUrl = typeUrlOf(kind);
  const entries = [...held[kind]];
  return create(DeltaDiscoveryResponseSchema, {
    typeUrl,
    systemVersionInfo: String(revision),
    resources: entries.flatMap(([name, each]) =>
      each.state === "present" ? [{ name, version: each.version, resource: { typeUrl, value: each.bytes } }] : [],
    ),
    removedResources: entries.flatMap(([name, each]) => (each.state === "absent" ? [name] : [])),
  });
}

function lengthOf(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return length;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function damaged(why: string): Result<never> {
  return failure(problem("HDL_XDS_LAST_GOOD", `The kept configuration cannot be used: ${why}.`));
}

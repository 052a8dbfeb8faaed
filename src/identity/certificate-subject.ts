import { DerFault, DerReader, readObjectId, TAG } from "./der.ts";

/** What a certificate's subject is called; each may be given several times. */
export interface SubjectNames {
  readonly commonName: readonly string[];
  readonly organization: readonly string[];
  readonly organizationalUnit: readonly string[];
}

const ATTRIBUTES = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
} as const satisfies Readonly<Record<keyof SubjectNames, string>>;

/** UTF8String, PrintableString, IA5String: forms of a DirectoryString (RFC 5280 §4.1.2.4) whose octets are UTF-8. Others are passed over. */
const TEXT_TAGS: ReadonlySet<number> = new Set([TAG.utf8String, 0x13, 0x16]);
const NAME_COUNT_MAX = 32;

/** Reads a DER Name; undefined for bytes that are none, or for more names than anyone needs. */
export function parseSubject(name: Uint8Array): SubjectNames | undefined {
  try {
    const pairs = readPairs(name);
    const valuesOf = (id: string): readonly string[] => pairs.flatMap(([type, value]) => (type === id ? [value] : []));
    return {
      commonName: valuesOf(ATTRIBUTES.commonName),
      organization: valuesOf(ATTRIBUTES.organization),
      organizationalUnit: valuesOf(ATTRIBUTES.organizationalUnit),
    };
  } catch {
    // Either no DER or no UTF-8; nothing else is read here.
    return undefined;
  }
}

function readPairs(name: Uint8Array): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  const sets = new DerReader(name).enter(TAG.sequence);
  while (!sets.done) {
    const set = sets.enter(TAG.set);
    while (!set.done) {
      const pair = set.enter(TAG.sequence);
      const id = readObjectId(pair.read(TAG.objectId).content);
      const { tag, content } = pair.readAny();
      if (pairs.length === NAME_COUNT_MAX) throw new DerFault("too many names");
      if (TEXT_TAGS.has(tag)) pairs.push([id, new TextDecoder("utf-8", { fatal: true }).decode(content)]);
    }
  }
  return pairs;
}

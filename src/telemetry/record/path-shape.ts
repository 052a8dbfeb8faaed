/**
 * The shape of a path: the path with `{*}` for each segment that is another in each request, such as a number, an identifier or a token. In the
 * form of Istio's path templates, so that a policy's paths can be compared with it. Hashing and comparing allocate nothing.
 */

const SLASH = 47;
const PLACEHOLDER = "{*}";
/** FNV-1a. */
const HASH_SEED = 0x811c9dc5;
const HASH_PRIME = 0x01000193;

/** From here on a text of hexadecimal digits and hyphens is an identifier: shorter ones are words, such as `face`. */
const HEX_CHARS_MIN = 16;
/** From here on a text with a digit is an identifier or a token. */
const TOKEN_CHARS_MIN = 20;
/** From here on any text is. */
const SEGMENT_CHARS_MAX = 64;

/** Equal for paths of equal shape. */
export function shapeHash(path: string): number {
  let hash = HASH_SEED;
  let segment = HASH_SEED;
  let weight = 0;
  let start = 0;
  const end = pathEnd(path);
  for (let at = 0; at < end; at++) {
    const code = path.charCodeAt(at);
    if (code === SLASH) {
      hash = Math.imul(hash ^ (isVariable(weight, at - start) ? 1 : segment), HASH_PRIME);
      segment = HASH_SEED;
      weight = 0;
      start = at + 1;
    } else {
      segment = Math.imul(segment ^ code, HASH_PRIME);
      weight += weightOf(code);
    }
  }
  return Math.imul(hash ^ (isVariable(weight, end - start) ? 1 : segment), HASH_PRIME);
}

/** Without the query. */
export function shapeOf(path: string): string {
  return path
    .slice(0, pathEnd(path))
    .split("/")
    .map((segment) => (isVariable(weightIn(segment, 0, segment.length), segment.length) ? PLACEHOLDER : segment))
    .join("/");
}

/** Whether `shapeOf` of the path is `shape`. */
export function hasShape(path: string, shape: string): boolean {
  const end = pathEnd(path);
  let from = 0;
  let isStart = true;
  for (let at = 0; at < end; ) {
    const next = isStart ? variableEnd(path, at, end) : at;
    if (next > at) {
      if (!shape.startsWith(PLACEHOLDER, from)) return false;
      from += PLACEHOLDER.length;
      at = next;
    } else {
      const code = path.charCodeAt(at++);
      if (code !== shape.charCodeAt(from++)) return false;
      isStart = code === SLASH;
    }
  }
  return from === shape.length;
}

/** Where the segment ends that begins there when it is variable; else where it begins. */
function variableEnd(path: string, start: number, end: number): number {
  const segmentEnd = endOfSegment(path, start, end);
  return isVariable(weightIn(path, start, segmentEnd), segmentEnd - start) ? segmentEnd : start;
}

/**
 * What a reader of paths might decode, merge or resolve, and a little more. Policies read such a path in several ways, so that it is told whole or
 * not at all: what is left out could change how the rest is read.
 */
const AMBIGUOUS = /^[^?]*(?:[%\\;]|\/\/|\/\.)/;

/** Whether a part of the path may stand for the whole. */
export function isPlainPath(path: string): boolean {
  return path.charCodeAt(0) === SLASH && !AMBIGUOUS.test(path);
}

/** Whether the shape of the path is the path itself. */
export function isOwnShape(path: string): boolean {
  return hasShape(path, path.slice(0, pathEnd(path)));
}

/** The first segment with all that may follow it, such as `/orders/*`; of a path that has no more, or none that lasts, `/*`. */
export function prefixOf(path: string): string {
  return `${path.slice(0, rootEnd(path))}/*`;
}

/** Whether `prefixOf` of the path is `prefix`. */
export function hasPrefix(path: string, prefix: string): boolean {
  const length = rootEnd(path);
  if (prefix.length !== length + 2) return false;
  for (let at = 0; at < length; at++) if (path.charCodeAt(at) !== prefix.charCodeAt(at)) return false;
  return true;
}

function rootEnd(path: string): number {
  const end = pathEnd(path);
  const first = endOfSegment(path, 1, end);
  return first >= end || variableEnd(path, 1, end) > 1 ? 0 : first;
}

export function pathEnd(path: string): number {
  const query = path.indexOf("?");
  return query < 0 ? path.length : query;
}

function endOfSegment(path: string, start: number, end: number): number {
  const slash = path.indexOf("/", start);
  return slash < 0 || slash > end ? end : slash;
}

/** What looks like a wildcard is taken as variable too, so that no path is read as another's shape. */
function isVariable(weight: number, length: number): boolean {
  if (length > SEGMENT_CHARS_MAX || weight >= WILD) return true;
  const digits = weight & 0xff;
  if (digits === 0) return false;
  return digits === length || length >= TOKEN_CHARS_MIN || (length >= HEX_CHARS_MIN && weight >> 8 === length);
}

function weightIn(path: string, start: number, end: number): number {
  let weight = 0;
  for (let at = start; at < end; at++) weight += weightOf(path.charCodeAt(at));
  return weight;
}

function weightOf(code: number): number {
  return code < WEIGHT_OF_CHAR.length ? (WEIGHT_OF_CHAR[code] as number) : 0;
}

/** Digits are counted in the lowest byte, what may stand in a hexadecimal identifier in the next, wildcards above. */
const WEIGHT_OF_CHAR = new Int32Array(128);
const HEX = 1 << 8;
const WILD = 1 << 16;
for (const char of "0123456789") WEIGHT_OF_CHAR[char.charCodeAt(0)] = HEX + 1;
for (const char of "abcdefABCDEF-") WEIGHT_OF_CHAR[char.charCodeAt(0)] = HEX;
for (const char of "*{}") WEIGHT_OF_CHAR[char.charCodeAt(0)] = WILD;

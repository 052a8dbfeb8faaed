/**
 * The forms in which a path may be understood.
 *
 * An app, or a proxy before it, may decode `%2f`, merge `//` or resolve `..` before it looks at a path, and another may not. A
 * policy must hold for both. So a path that is not plainly canonical is judged in two forms, as it was sent and as its strictest
 * reader would see it: an ALLOW rule must match both, a DENY rule need match only one. Paths stay case-sensitive. The request
 * itself travels on unchanged.
 */

/** Something that a reader might decode, merge or resolve. */
const AMBIGUOUS = /[%\\;]|\/\/|\/\.(?:\.?(?:\/|$))/;

/** Whether the path could be understood in another way than it is written. */
export function isAmbiguous(path: string): boolean {
  return AMBIGUOUS.test(path);
}

/** Bounds repeated decoding (`%252f`): what is still encoded after this many rounds stays so. */
const DECODING_ROUNDS_MAX = 3;

/** The path as its strictest reader sees it: decoded, backslashes turned, parameters dropped, slashes merged, dots resolved. */
export function canonicalPath(path: string): string {
  const decoded = decode(path)
    .replaceAll("\\", "/")
    .replaceAll(/;[^/]*/g, "")
    .replaceAll(/\/{2,}/g, "/");
  const segments: string[] = [];
  for (const segment of decoded.split("/").slice(1)) {
    if (segment === "..") segments.pop();
    else if (segment !== ".") segments.push(segment);
  }
  const isDirectory = /\/(?:\.\.?)?$/.test(decoded) && segments.at(-1) !== "";
  return `/${segments.join("/")}${isDirectory && segments.length > 0 ? "/" : ""}`;
}

function decode(path: string): string {
  let decoded = path;
  for (let round = 0; round < DECODING_ROUNDS_MAX && decoded.includes("%"); round++) {
    decoded = decoded.replaceAll(/%[0-9A-Fa-f]{2}/g, (encoded) =>
      String.fromCharCode(Number.parseInt(encoded.slice(1), 16)),
    );
  }
  return decoded;
}

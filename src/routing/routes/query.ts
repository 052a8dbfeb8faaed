/** The first value of a query parameter, decoded; undefined when it is not there. Names are compared as they are (Gateway API). */
export function queryValue(target: string, name: string): string | undefined {
  const question = target.indexOf("?");
  if (question < 0) return undefined;
  let start = question + 1;
  while (start <= target.length) {
    const next = target.indexOf("&", start);
    const end = next < 0 ? target.length : next;
    const equals = target.indexOf("=", start);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    if (decoded(target.slice(start, nameEnd)) === name) return decoded(target.slice(Math.min(nameEnd + 1, end), end));
    start = end + 1;
  }
  return undefined;
}

function decoded(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

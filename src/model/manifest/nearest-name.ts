/** Names longer than this are compared by their beginnings. */
const LENGTH_MAX = 64;

/** Optimal string alignment: insertions, deletions, other letters, and two neighbours that were swapped count one each. */
function distance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, index) => index)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= right.length; column++) {
      const other = at(row - 1, column - 1) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const isSwapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const swapped = isSwapped ? at(row - 2, column - 2) + 1 : other;
      current.push(Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, other, swapped));
    }
  }
  return at(left.length, right.length);
}

/** The known name that was probably meant; undefined when none is near. */
export function nearestName(given: string, known: Iterable<string>): string | undefined {
  const wanted = given.slice(0, LENGTH_MAX).toLowerCase();
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  let best: { readonly name: string; readonly far: number } | undefined;
  for (const name of known) {
    const far = distance(wanted, name.slice(0, LENGTH_MAX).toLowerCase());
    if (far <= limit && (best === undefined || far < best.far)) best = { name, far };
  }
  return best?.name;
}

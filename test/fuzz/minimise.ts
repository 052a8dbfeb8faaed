/** The smallest input that is easily found and fails as the given one does. */

/** Attempts after which what has been found is good enough. */
const ATTEMPTS_MAX = 3000;

/** Takes away ever smaller parts while `fails` holds. */
export async function minimise(input: Buffer, fails: (input: Buffer) => Promise<boolean>): Promise<Buffer> {
  let smallest = input;
  let attempts = 0;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length && attempts < ATTEMPTS_MAX; attempts++) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (shorter.length < smallest.length && (await fails(shorter))) smallest = shorter;
      else at += size;
    }
  }
  return smallest;
}

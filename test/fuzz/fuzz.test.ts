import { expect, test } from "bun:test";
import { run } from "./run.ts";
import { TARGETS } from "./targets.ts";

/** Chosen once: a failure here is not chance, and `npm run fuzz` looks further each time. */
const SEED = 20_261_123;
const ALL_MS = 35_000;

const shares = TARGETS.reduce((sum, { share }) => sum + share, 0);

test.each(TARGETS.map((target) => [target.name, target] as const))("%s", async (_name, target) => {
  const { find, inputs } = await run(target, { seed: SEED, milliseconds: (ALL_MS * target.share) / shares });
  expect(find === undefined ? "" : `${find.problem}: ${JSON.stringify(find.input.toString("latin1"))}`).toBe("");
  expect(inputs).toBeGreaterThan(0);
});

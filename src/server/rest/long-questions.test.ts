import { expect, test } from "bun:test";
import { ProblemError } from "#model";
import { LongQuestions } from "./long-questions.ts";

test("a few are answered at once, more are refused, and later ones are answered again, also after a failure", async () => {
  const questions = new LongQuestions();
  const ends = Array.from({ length: 4 }, () => Promise.withResolvers<string>());
  const answers = ends.map(({ promise }) => questions.ask(() => promise));
  const refusal = await questions.ask(() => Promise.resolve("more")).catch((cause: unknown) => cause);
  expect(refusal instanceof ProblemError && refusal.problems[0].code).toBe("HDL_API_BUSY");
  for (const { reject } of ends.slice(0, 2)) reject(new Error("failed"));
  for (const { resolve } of ends.slice(2)) resolve("answered");
  const settled = await Promise.allSettled(answers);
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled", "fulfilled"]);
  expect(await questions.ask(() => Promise.resolve("later"))).toBe("later");
});

/** Policies: the compiled evaluator decides as the naive one does. An input is the seed of a hundred generated decisions. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { compilePolicy, decide } from "#policy";
import { decideNaively } from "../fakes/naive-policy.ts";
import { type PolicyCase, policyCase } from "../fakes/policy-cases.ts";
import { pureChecker, type Target } from "./target.ts";

const CASES = 10;

export const policies: Target = {
  name: "policies",
  share: 2,
  make: (chance) => chance.bytes(4),
  open: () => pureChecker((input) => check([...input].reduce((seed, byte) => (seed * 256 + byte) | 0, 0))),
};

function check(seed: number): string | undefined {
  for (const each of fc.sample(policyCase, { seed, numRuns: CASES })) {
    const found = disagreement(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What the two evaluators do not agree on. */
export function disagreement({ ruleSets, requests }: PolicyCase): string | undefined {
  const compiled = compilePolicy(ruleSets);
  for (const request of requests) {
    const { verdict, observed, audits, external } = decide(compiled, request);
    const found = { verdict, observed: observed?.verdict, audits, provider: external?.provider };
    const naive = decideNaively(ruleSets, request);
    if (!isDeepStrictEqual(found, naive)) return JSON.stringify({ found, naive, request, ruleSets });
  }
  return undefined;
}

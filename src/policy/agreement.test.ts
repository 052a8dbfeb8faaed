import { expect, test } from "bun:test";
import fc from "fast-check";
import { policyCase } from "../../test/fakes/policy-cases.ts";
import { disagreement } from "../../test/fuzz/policies.ts";
import { compilePolicy, decide, RecentDecisions } from "./index.ts";

/** Sixty thousand decisions; `npm run fuzz -- --target policies` goes on from there. */
test("the compiled evaluator agrees with a literal one on generated policies and requests", () => {
  fc.assert(
    fc.property(policyCase, (each) => {
      expect(disagreement(each)).toBeUndefined();
    }),
    { numRuns: 6000, seed: 7 },
  );
}, 60_000);

test("what was decided lately for a caller is what would be decided anew", () => {
  fc.assert(
    fc.property(policyCase, ({ ruleSets, requests }) => {
      const compiled = compilePolicy(ruleSets);
      const recent = new RecentDecisions();
      const [first] = requests;
      for (const each of [...requests, ...requests]) {
        // A caller stays who and where it is, and calls one port.
        const { principal, namespace, serviceAccount, sourceAddress, destinationAddress, serverName, port } =
          first ?? each;
        const ofOne = {
          ...each,
          principal,
          namespace,
          serviceAccount,
          sourceAddress,
          destinationAddress,
          serverName,
          port,
        };
        expect(recent.decide(compiled, ofOne)).toEqual(decide(compiled, ofOne));
      }
    }),
    { numRuns: 1000, seed: 7 },
  );
}, 60_000);

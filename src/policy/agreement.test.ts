import { expect, test } from "bun:test";
import fc from "fast-check";
import { decideNaively } from "../../test/fakes/naive-policy.ts";
import { policyCase } from "../../test/fakes/policy-cases.ts";
import { compilePolicy, decide, RecentDecisions } from "./index.ts";

test("the compiled evaluator agrees with a literal one on generated policies and requests", () => {
  fc.assert(
    fc.property(policyCase, ({ ruleSets, requests }) => {
      const compiled = compilePolicy(ruleSets);
      const recent = new RecentDecisions();
      const [first] = requests;
      for (const each of requests) {
        const decision = decide(compiled, each);
        expect({
          verdict: decision.verdict,
          observed: decision.observed?.verdict,
          audits: decision.audits,
          provider: decision.external?.provider,
        }).toEqual(decideNaively(ruleSets, each));
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
    { numRuns: 6000, seed: 7 },
  );
}, 60_000);

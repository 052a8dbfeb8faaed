import { expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";

interface Outcome {
  readonly assertions: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  readonly edges: readonly { readonly source: string; readonly destination: string; readonly mtls: boolean }[];
  readonly denials: readonly { readonly policy: string }[];
  readonly rotations: readonly { readonly workload: string; readonly count: number }[];
  readonly faults: readonly { readonly correct: boolean }[];
}

test("the shop comes up meshed, shows what it should, and `why` names each injected fault", () => {
  const run = spawnSync("node", ["scripts/start.js", "--for", "15s", "--json"], { encoding: "utf8" });
  if (run.status !== 0) console.log(run.stderr);
  const outcome = JSON.parse(run.stdout) as Outcome;
  expect(outcome.assertions.filter(({ ok }) => !ok)).toEqual([]);
  expect(outcome.edges.length).toBeGreaterThan(10);
  expect(outcome.edges.every(({ mtls }) => mtls)).toBe(true);
  expect(outcome.denials[0]?.policy).toContain("AuthorizationPolicy/shop/");
  expect(outcome.rotations.every(({ count }) => count > 0)).toBe(true);
  expect(outcome.faults.map(({ correct }) => correct)).toEqual([true, true, true]);
  expect(run.status).toBe(0);
  expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain("examples/shop/.heddle");
}, 240_000);

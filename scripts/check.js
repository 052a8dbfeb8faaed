// npm run check: formatting, lint, promise safety, types, dead code and layers; every step runs, then the result is told.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, root } from "./install.js";

const bun = ensureInstalled();
const bin = (name) => join(root, "node_modules/.bin", name);
const steps = [
  ["format and lint", bin("biome"), ["check", "--error-on-warnings"]],
  ["promise safety", bin("oxlint"), ["--type-aware", "--deny-warnings"]],
  ["types", bin("tsc"), ["-p", "tsconfig.json"]],
  ["console types", bin("tsc"), ["-p", "src/console/tsconfig.json"]],
  ["dead code", bin("knip"), []],
  ["layers", bun, ["test", "./test/architecture"]],
];

const failed = steps.filter(([name, command, args]) => {
  const started = performance.now();
  const child = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const ok = child.status === 0;
  console.log(`${ok ? "✓" : "✗"} ${name} (${seconds} s)`);
  if (!ok) console.log(`${child.stdout}${child.stderr}`);
  return !ok;
});
process.exitCode = failed.length === 0 ? 0 : 1;
console.log(failed.length === 0 ? "check passed" : `check failed: ${failed.map(([name]) => name).join(", ")}`);

// npm run fuzz: installs what is missing, then throws random input at the parsers.
import { spawnSync } from "node:child_process";
import { ensureInstalled, root } from "./install.js";

const child = spawnSync(ensureInstalled(), ["test/fuzz/main.ts", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = child.status ?? 130;

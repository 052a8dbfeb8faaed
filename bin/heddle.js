#!/usr/bin/env node
// Plain JavaScript, so that any Node can run it: finds the pinned Bun and hands over to it.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { findBun, platformPackage } from "../scripts/bun.js";

const bun = findBun();
if (bun === undefined) {
  console.error(`heddle: the engine ${platformPackage} is not installed\n  → run: npm ci`);
  process.exit(1);
}

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const child = spawn(bun, [main, ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`heddle: cannot start ${bun}: ${error.message}\n  → run: npm ci`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exitCode = code ?? 1;
  else {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
});

// npm run bench: installs what is missing, then measures.
import { spawn } from "node:child_process";
import { ensureInstalled, root } from "./install.js";

const child = spawn(ensureInstalled(), ["bench/main.ts", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
// A terminal sends Ctrl-C to the whole group; the benchmark stops its processes and this one only waits for it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("exit", (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 130;
});

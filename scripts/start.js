// npm start: installs what is missing, then runs the shop.
import { spawn } from "node:child_process";
import { ensureConsole } from "./console.js";
import { ensureInstalled, root } from "./install.js";

const bun = ensureInstalled();
ensureConsole();
const child = spawn(bun, ["examples/shop/demo.ts", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
// A terminal sends Ctrl-C to the whole group; the demo stops its parts in order and this process only waits for it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("exit", (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 130;
});

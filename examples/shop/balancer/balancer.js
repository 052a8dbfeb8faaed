// The shop's load balancer, which is not Heddle's: HAProxy where it is installed, otherwise the plain proxy beside this file.
// Whichever it is, it listens on HOST:PORT and sends everything to STOREFRONT_URL.
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** HAProxy reads its own environment, so the configuration needs no template; only its version must know Lua. */
function haproxyHasLua() {
  const { stdout } = spawnSync("haproxy", ["-vv"], { encoding: "utf8" });
  return /\+LUA\b/.test(stdout ?? "");
}

function runHaproxy() {
  const upstream = new URL(process.env.STOREFRONT_URL);
  const environment = { ...process.env, UPSTREAM: upstream.host, FAULT_SCRIPT: here("faults.lua") };
  const child = spawn("haproxy", ["-q", "-db", "-f", here("haproxy.cfg")], { env: environment, stdio: "inherit" });
  // SIGUSR1 lets HAProxy finish what is in flight; SIGTERM ends it at once.
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => child.kill("SIGTERM"));
  child.on("error", (error) => {
    console.error(`balancer: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (status) => {
    process.exitCode = status ?? 0;
  });
}

if (process.env.BALANCER !== "proxy" && haproxyHasLua()) runHaproxy();
else await import("./proxy.js");

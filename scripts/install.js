// Plain JavaScript without dependencies: installs what is missing before anything else is loaded.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findBun, platformPackage } from "./bun.js";

export const root = fileURLToPath(new URL("../", import.meta.url));

/** Whether node_modules holds every package of the lockfile at its version; npm keeps its own account of that beside them. */
function installed() {
  const account = `${root}node_modules/.package-lock.json`;
  if (!existsSync(account)) return false;
  const present = JSON.parse(readFileSync(account, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === "" || optional === true || present[path]?.version === version,
  );
}

/** Runs a command in the project with its output on standard error; ends this process with its status when it fails. */
export function run(command, args, options = {}) {
  const child = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
  if (child.status === 0) return;
  console.error(`heddle: \`${[command, ...args].join(" ")}\` failed${child.error ? `: ${child.error.message}` : ""}`);
  process.exit(child.status ?? 1);
}

/** Installs the lockfile's packages if any is missing, and returns the path of the pinned Bun. */
export function ensureInstalled() {
  if (!installed() || findBun() === undefined) {
    console.error("heddle: installing packages (npm ci) …");
    run("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"]);
  }
  const bun = findBun();
  if (bun !== undefined) return bun;
  console.error(`heddle: there is no ${platformPackage}; Heddle runs on Linux and macOS, x64 and arm64`);
  process.exit(1);
}

// Plain JavaScript without dependencies: runs before anything is installed.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const platform = `bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : process.arch}`;

/** Path of the pinned Bun, or undefined where npm has not installed one for this platform. */
export function findBun() {
  const path = fileURLToPath(new URL(`node_modules/@oven/${platform}/bin/bun`, root));
  return existsSync(path) ? path : undefined;
}

export const platformPackage = `@oven/${platform}`;

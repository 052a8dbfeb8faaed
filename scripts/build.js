// npm run build: the console, then dist/heddle, one executable file that holds engine, product, console and what is loaded into programs.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ensureConsole } from "./console.js";
import { ensureInstalled, root, run } from "./install.js";

const CARRIED = ["dist/console", "preload"];
const LEFT_OUT = /\.test\.ts$|\/programs\/|\.pyc$/;

/** Paths in the project of the files that the executable carries. */
function carriedFiles() {
  const all = CARRIED.flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }));
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !LEFT_OUT.test(path))
    .sort();
}

/** The executable's entry: it carries the files, says where they are, and starts the command line. */
function writeEntry(files) {
  const hash = createHash("sha256");
  for (const path of files) hash.update(`${path}\0`).update(readFileSync(join(root, path)));
  const text = [
    ...files.map((path, index) => `import f${index} from ${JSON.stringify(join(root, path))} with { type: "file" };`),
    `globalThis[Symbol.for("heddle.dev/carried-files")] = {`,
    `  digest: ${JSON.stringify(hash.digest("hex").slice(0, 16))},`,
    `  places: { ${files.map((path, index) => `${JSON.stringify(path)}: f${index}`).join(", ")} },`,
    "};",
    `const { main } = await import(${JSON.stringify(join(root, "src/cli/main.ts"))});`,
    "await main(process.argv.slice(2));",
  ];
  const folder = join(root, "dist/executable");
  mkdirSync(folder, { recursive: true });
  const entry = join(folder, "main.js");
  writeFileSync(entry, `${text.join("\n")}\n`);
  return entry;
}

const bun = ensureInstalled();
ensureConsole();
run(bun, ["build", "--compile", "--minify-syntax", "--outfile", "dist/heddle", writeEntry(carriedFiles())]);
console.error("heddle: built dist/heddle");

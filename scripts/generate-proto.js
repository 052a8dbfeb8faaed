// Writes src/proto/gen from proto/. Run it after changing a .proto file; with --check it only says whether the files are fresh.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "./install.js";

const template = "proto/buf.gen.yaml";
const generated = "src/proto/gen";
const generate = (file) => run("node_modules/.bin/buf", ["generate", "proto", "--template", file]);

async function filesOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  return new Map(paths.map((path) => [path.slice(folder.length), readFileSync(path, "utf8")]));
}

async function stalePaths() {
  const folder = mkdtempSync(join(tmpdir(), "heddle-proto-"));
  try {
    // buf takes a template's text in place of its path when it is JSON; only the folder differs.
    const plugin = {
      local: "node_modules/.bin/protoc-gen-es",
      out: folder,
      opt: optionsOf(readFileSync(template, "utf8")),
    };
    generate(JSON.stringify({ version: "v2", plugins: [plugin] }));
    const [held, wanted] = [await filesOf(generated), await filesOf(folder)];
    return [...new Set([...held.keys(), ...wanted.keys()])].filter((path) => held.get(path) !== wanted.get(path));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function optionsOf(text) {
  return /opt: \[(.*)\]/.exec(text)[1].split(", ");
}

process.chdir(root);
if (process.argv.includes("--check")) {
  const stale = await stalePaths();
  if (stale.length > 0) console.error(`stale: ${stale.join(", ")}; run \`node scripts/generate-proto.js\``);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else generate(template);

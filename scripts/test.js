// npm test: installs what is missing, runs every test, and ends with "N passed, N failed, N skipped".
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureConsole } from "./console.js";
import { ensureInstalled, root } from "./install.js";

const bun = ensureInstalled();
ensureConsole();

const reports = mkdtempSync(join(tmpdir(), "heddle-test-"));
const totals = { passed: 0, failed: 0, skipped: 0 };
/** What failed, told again at the end, where it is not lost among what passed. */
const failures = [];

function count(xml, attribute) {
  return Number(new RegExp(`<testsuites[^>]*\\b${attribute}="(\\d+)"`).exec(xml)?.[1] ?? 0);
}

/** The failed tests of a report, each with its place and what was wrong in one line. */
function failuresOf(xml) {
  const plain = (text) =>
    text
      .replaceAll("&quot;", '"')
      .replaceAll("&apos;", "'")
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&#10;", " ")
      .replaceAll("&amp;", "&");
  return [...xml.matchAll(/<testcase ([^>]*[^/])>\s*<failure([^>]*)/g)].map(([, testcase, failure]) => {
    const of = (text, name) => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? "");
    const message = of(failure, "message").replaceAll(/\s+/g, " ").slice(0, 300);
    return `${of(testcase, "file")}:${of(testcase, "line")} ${of(testcase, "name")}${message === "" ? "" : `: ${message}`}`;
  });
}

/** Runs one group of test files in a process of its own; a group that dies without a report counts as one failure. */
function runGroup(name, paths, timeoutMs) {
  console.log(`\n── ${name}`);
  const report = join(reports, `${name.replaceAll(/\W+/g, "-")}.xml`);
  const args = ["test", ...paths, `--timeout=${timeoutMs}`, "--reporter=junit", `--reporter-outfile=${report}`];
  const child = spawnSync(bun, args, { cwd: root, stdio: "inherit" });
  let xml = "";
  try {
    xml = readFileSync(report, "utf8");
  } catch {
    // The process ended before it could report.
  }
  const [tests, failing, skipped] = [count(xml, "tests"), count(xml, "failures"), count(xml, "skipped")];
  const isBroken = failing === 0 && child.status !== 0;
  const failed = isBroken ? 1 : failing;
  failures.push(
    ...(isBroken ? [`${name}: ended with ${child.status ?? child.signal} and no failed test`] : failuresOf(xml)),
  );
  totals.passed += tests - failing - skipped;
  totals.failed += failed;
  totals.skipped += skipped;
}

const files = (directory) =>
  readdirSync(join(root, directory))
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `./${directory}/${name}`);

const only = process.argv.slice(2);
if (only.length > 0) runGroup("chosen", only, 120_000);
else {
  runGroup("rooms", ["./src", "./preload", "./test/architecture", "./test/docs", "./test/fuzz", "./examples"], 60_000);
  runGroup("conformance", ["./test/conformance"], 120_000);
  // Each of these starts whole meshes: one process a file, one after the other, so that they do not starve one another.
  for (const directory of ["test/e2e", "test/chaos"]) {
    for (const file of files(directory)) runGroup(file.slice(2), [file], 300_000);
  }
}
rmSync(reports, { recursive: true, force: true });

const skipsFail = process.env.HEDDLE_REQUIRE_ALL === "1";
if (skipsFail && totals.skipped > 0) console.log(`\n${totals.skipped} skipped, which HEDDLE_REQUIRE_ALL=1 forbids`);
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((failure) => `  ${failure}`).join("\n")}`);
process.exitCode = totals.failed > 0 || (skipsFail && totals.skipped > 0) ? 1 : 0;
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);

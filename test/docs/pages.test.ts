import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROBLEM_CODES } from "#model";
import { parseManifests } from "#model/manifest";
import { readApplication } from "#supervisor";
import { LAYERS } from "../architecture/layers.ts";
import { endReasonsPage } from "./end-reasons-page.ts";
import { blocksOf, PAGES } from "./pages.ts";
import { resourcesPage } from "./resources-page.ts";

test("the page of end reasons says what the table says", () => {
  expect(readFileSync("docs/reference/end-reasons.md", "utf8")).toBe(endReasonsPage());
});

test("the page of resources says what the schemas take", () => {
  expect(readFileSync("docs/reference/resources.md", "utf8")).toBe(resourcesPage());
});

test("a next step that names a page names one that exists", () => {
  const named = Object.values(PROBLEM_CODES).flatMap(({ next }) => [...next.matchAll(/docs\/[\w/.-]+\.md/g)]);
  expect(named.map(([page]) => page).filter((page) => !existsSync(page))).toEqual([]);
});

test("a next step that names an option names one that the command line has", () => {
  const commands = readdirSync("src/cli").filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  const said = commands.map((name) => readFileSync(`src/cli/${name}`, "utf8")).join("\n");
  const named = Object.values(PROBLEM_CODES).flatMap(({ next }) => [...next.matchAll(/`[^`]*(--[a-z-]+)[^`]*`/g)]);
  const missing = named
    .map(([, option = ""]) => option)
    .filter((option) => !new RegExp(`"[^"]*${option}\\b`).test(said));
  expect(missing).toEqual([]);
});

describe("links lead somewhere", () => {
  test.each([...PAGES])("%s", (page) => {
    const links = [...readFileSync(page, "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = ""]) => target);
    const broken = links.filter((target) => !/^https?:/.test(target) && !existsSync(join(dirname(page), target)));
    expect(broken).toEqual([]);
  });
});

test("the map mentions every room", () => {
  const map = readFileSync("ARCHITECTURE.md", "utf8");
  expect(Object.keys(LAYERS).filter((room) => !map.includes(`**${room}**`))).toEqual([]);
});

describe("YAML in pages is accepted as it stands", () => {
  const yaml = PAGES.flatMap(blocksOf).filter(({ language }) => language === "yaml");
  test.each(yaml.map((block) => [`${block.page}:${block.line}`, block.text] as const))("%s", (place, text) => {
    const isApplication = text.includes("kind: Application\n");
    const read = isApplication ? readApplication(text, place) : parseManifests([{ file: place, text }]);
    expect(read.ok ? [] : read.problems.map(({ message }) => message)).toEqual([]);
  });
});

test("every command that a page names exists", async () => {
  const { COMMANDS } = await import("../../src/cli/commands.ts");
  const named = PAGES.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/(?:^|`|\$ )heddle ([a-z][a-z-]*)/gm)].map(([, name = ""]) => name),
  );
  expect([...new Set(named)].filter((name) => !(name in COMMANDS))).toEqual([]);
});

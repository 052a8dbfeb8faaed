import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Block, blocksOf, PAGES } from "../docs/pages.ts";
import { Program } from "../fakes/lone-server.ts";
import { temporaryFolder, until } from "../fakes/running-mesh.ts";

/** Runs the marked blocks of one page in order, in a folder of its own, with `heddle` on the path. */
class Page {
  readonly #directory = temporaryFolder();
  readonly #background: Program[] = [];

  constructor() {
    const main = join(import.meta.dir, "../../src/cli/main.ts");
    const bin = join(this.#directory, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "heddle"), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`);
    chmodSync(join(bin, "heddle"), 0o755);
  }

  async run({ run = "", text }: Block): Promise<void> {
    const [kind, ...rest] = run.split(" ");
    const script = `PATH=${join(this.#directory, "bin")}:$PATH\n`;
    if (kind === "file") writeFileSync(join(this.#directory, rest[0] ?? ""), text);
    else if (kind === "background") {
      this.#background.push(new Program(["sh", "-c", `${script}exec ${text}`], this.#directory));
      const isUp = (): Promise<boolean> =>
        fetch(rest[1] ?? "").then(
          (response) => response.ok,
          () => false,
        );
      await until(text, isUp);
    } else {
      const program = new Program(["sh", "-e", "-c", script + text], this.#directory);
      const status = await program.exited;
      expect(`${program.output}status ${status}`).toEndWith("status 0");
    }
  }

  async end(): Promise<void> {
    for (const program of this.#background.reverse()) await program.kill("SIGTERM");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const marked = PAGES.map((page) => [page, blocksOf(page).filter(({ run }) => run !== undefined)] as const).filter(
  ([, blocks]) => blocks.length > 0,
);

describe("what a page tells to run, runs as written", () => {
  test.each(marked)(
    "%s",
    async (_page, blocks) => {
      const page = new Page();
      try {
        for (const block of blocks) await page.run(block);
      } finally {
        // Before the next page, which takes ports as if it were alone.
        await page.end();
      }
    },
    60_000,
  );
});

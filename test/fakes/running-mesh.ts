/** A small application under `heddle up`, with real processes, in a folder of its own. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const ROOT = realpathSync(join(import.meta.dir, "../.."));
const MAIN = join(ROOT, "src/cli/main.ts");

export interface Access {
  readonly url: string;
  readonly token: string;
}

export interface CommandOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command of Heddle to its end. */
export async function heddle(directory: string, args: readonly string[], input = ""): Promise<CommandOutcome> {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: directory,
    env: { ...process.env, HOME: directory, NO_COLOR: "1" },
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, stdout, stderr };
}

export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), "heddle-e2e-")));
}

export function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until the condition holds; fails with what was waited for. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<number> {
  const started = performance.now();
  while (!(await holds())) {
    if (performance.now() - started > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await Bun.sleep(50);
  }
  return performance.now() - started;
}

export interface MeshProcess {
  readonly pid: number;
  /** `server`, `agent back-1`, or the command of an app. */
  readonly name: string;
}

export class RunningMesh {
  readonly directory: string;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #output = "";

  /** Starts `heddle up` on the folder's heddle.yaml. */
  constructor(directory: string, args: readonly string[] = []) {
    this.directory = directory;
    this.#child = Bun.spawn([process.execPath, MAIN, "up", ...args], {
      cwd: directory,
      env: { ...process.env, HOME: directory, NO_COLOR: "1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) void this.#collect(stream);
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The state directory of this run. */
  get state(): string {
    const folder = readdirSync(join(this.directory, ".heddle")).find((name) => name === "run" || name === "kept");
    return join(this.directory, ".heddle", folder ?? "run");
  }

  access(): Access {
    return JSON.parse(readFileSync(join(this.state, "server/admin.json"), "utf8")) as Access;
  }

  async api<T>(path: string): Promise<T> {
    const { url, token } = this.access();
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Everything that this run has started and that runs now. */
  processes(): readonly MeshProcess[] {
    const found: MeshProcess[] = [];
    for (const entry of readdirSync("/proc")) {
      const pid = Number(entry);
      if (!Number.isInteger(pid) || pid === this.pid) continue;
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean);
        if (readlinkSync(`/proc/${pid}/cwd`) === this.directory) found.push({ pid, name: nameOf(words) });
      } catch {
        // It has ended meanwhile.
      }
    }
    return found.filter(({ name }) => name !== "");
  }

  /** Asks to end as Ctrl-C does, and waits until all is gone. */
  async stop(): Promise<number> {
    this.#child.kill("SIGINT");
    return await this.#child.exited;
  }

  async exited(): Promise<number> {
    return await this.#child.exited;
  }

  /** Ends it by force and removes the folder: for the end of a test, however it went. */
  async remove(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    await until("everything has ended", () => this.processes().length === 0, 15_000).catch(() => undefined);
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#output += decoder.decode(chunk, { stream: true });
  }
}

/** Programs of the mesh; shells and guards have no name. */
function nameOf(words: readonly string[]): string {
  const at = words.findIndex((word) => word.endsWith("cli/main.ts"));
  if (at >= 0) {
    const [command = "", ...rest] = words.slice(at + 1);
    const config = rest.find((word) => word.endsWith(".json"));
    return config === undefined ? command : `${command} ${config.slice(config.lastIndexOf("/") + 1, -".json".length)}`;
  }
  return words[0]?.endsWith("node") === true ? words.slice(1).join(" ") : "";
}

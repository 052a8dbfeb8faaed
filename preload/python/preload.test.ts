import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Fields = Readonly<Record<string, string>>;

const AT_ONCE = 12;
const hasPython = Bun.which("python3") !== null;
const hidden = mkdtempSync(join(tmpdir(), "heddle-python-"));

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0");
const contextOf = (number: number): Fields => ({
  traceparent: `00-${hex(number + 0xa000, 32)}-${hex(number + 0xb000, 16)}-01`,
  tracestate: `number=${number}`,
  "x-request-id": `request-${number}`,
});

function startPython(words: readonly string[]) {
  const env = { ...process.env, PYTHONPATH: `${import.meta.dir}:${hidden}`, PYTHONDONTWRITEBYTECODE: "1" };
  return Bun.spawn(["python3", ...words], { env, stdin: "pipe", stdout: "pipe", stderr: "inherit" });
}

let relay: ReturnType<typeof startPython> | undefined;
let bases: Readonly<Record<string, string>> = {};

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const part of stream) {
    text += new TextDecoder().decode(part);
    if (text.includes("\n")) return text;
  }
  throw new Error(`it ended after: ${text}`);
}

beforeAll(async () => {
  if (!hasPython) return;
  relay = startPython([join(import.meta.dir, "programs/relay.py")]);
  bases = JSON.parse(await firstLine(relay.stdout)) as Readonly<Record<string, string>>;
});

afterAll(async () => {
  relay?.kill();
  await relay?.exited;
  rmSync(hidden, { recursive: true });
});

async function ask(server: string, way: string, headers: Fields): Promise<Fields> {
  return (await (await fetch(`${bases[server]}/${way}`, { headers })).json()) as Fields;
}

describe.skipIf(!hasPython).each(["http", "wsgi"])("requests that a server of %s took", (server) => {
  test.each(["urllib", "client", "pool", "map", "asyncio"])(
    "%s carries the context of its own request",
    async (way) => {
      const sent = Array.from({ length: AT_ONCE }, (_, number) => contextOf(number));
      const got = await Promise.all(sent.map((fields) => ask(server, way, fields)));
      expect(got.map(({ traceparent, tracestate, "x-request-id": id }) => [traceparent, tracestate, id])).toEqual(
        sent.map((fields) => Object.values(fields)),
      );
    },
  );

  test("a context that the program set by itself stands", async () => {
    const got = await ask(server, "own", { ...contextOf(1), b3: "1" });
    expect(got).toMatchObject({ traceparent: "00-11111111111111111111111111111111-1111111111111111-01" });
    expect([got["tracestate"], got["b3"]]).toEqual([undefined, undefined] as never);
    expect(await ask(server, "own-b3", { ...contextOf(1), b3: "1" })).toMatchObject({ ...contextOf(1), b3: "0" });
  });

  test("a request without a context, or with a malformed one, starts none, also after others", async () => {
    await ask(server, "urllib", contextOf(2));
    expect(Object.keys(await ask(server, "urllib", {}))).not.toContain("traceparent");
    expect(Object.keys(await ask(server, "urllib", { traceparent: "00-1-2-3" }))).not.toContain("traceparent");
  });
});

test.skipIf(!hasPython)("a sitecustomize that is hidden is run all the same", async () => {
  writeFileSync(join(hidden, "sitecustomize.py"), "print('the hidden one', flush=True)\n");
  const child = startPython(["-c", "import sys, http.client; print(sys.modules['sitecustomize'].__file__)"]);
  expect(await new Response(child.stdout).text()).toBe(`the hidden one\n${join(hidden, "sitecustomize.py")}\n`);
});

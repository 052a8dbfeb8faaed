import { afterEach, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { askHttp } from "./index.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function serve(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  stops.push(() => server.stop(true));
  return `http://127.0.0.1:${server.port}/`;
}

const BOUNDS = { timeoutMs: 1000, bytesMax: 100 };

test("an answer of any status is an answer", async () => {
  const url = serve(async (request) => {
    const said = `${request.method} ${request.headers.get("x-a")} ${await request.text()}`;
    return new Response(said, { status: 418, headers: { "X-B": "1" } });
  });
  const asked = await askHttp({ url, method: "POST", headers: [["x-a", "2"]], body: Buffer.from("hi"), ...BOUNDS });
  if (!asked.ok) throw new Error(asked.problems[0].message);
  expect([asked.value.status, Buffer.from(asked.value.body).toString()]).toEqual([418, "POST 2 hi"]);
  expect(asked.value.headers).toContainEqual(["x-b", "1"]);
});

test("a redirect is not followed", async () => {
  const url = serve(() => new Response("", { status: 302, headers: { location: "http://127.0.0.1:1/" } }));
  const asked = await askHttp({ url, ...BOUNDS });
  expect(asked.ok && asked.value.status).toBe(302);
});

test.each<[string, (request: Request) => Response | Promise<Response>, string]>([
  ["too long", () => new Response("x".repeat(101)), "longer than 100 bytes"],
  ["too late", () => Bun.sleep(2000).then(() => new Response("")), "no answer in 200 ms"],
])("an answer that is %s is none", async (_name, answer, want) => {
  const url = `${serve(answer)}?secret=1`;
  const asked = await askHttp({ url, timeoutMs: 200, bytesMax: 100 });
  const told = asked.ok ? "" : asked.problems[0].message;
  expect(told).toContain(want);
  expect(told).not.toContain("secret");
});

test("nobody there is no answer", async () => {
  expect((await askHttp({ url: "http://127.0.0.1:1/", ...BOUNDS })).ok).toBe(false);
});

/** Answers each head with its first line; `each` may do something to the connection afterwards. */
async function serveRaw(
  each: (socket: Socket) => void,
): Promise<{ readonly url: string; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => undefined);
    socket.on("data", (head) => {
      const line = String(head).split("\r\n")[0] ?? "";
      socket.write(
        `HTTP/1.1 200 OK\r\nset-cookie: a\r\nSet-Cookie: b\r\ncontent-length: ${line.length}\r\n\r\n${line}`,
      );
      each(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}/check/`, connections: () => connections };
}

test("a path is asked to the letter, and every field of the answer is told", async () => {
  const { url, connections } = await serveRaw(() => undefined);
  for (const path of ["/a/../b", "/%2e%2e/b", "//x", "/a%2Fb?c=%2E&d='", "/a\\b"]) {
    const asked = await askHttp({ url, path, ...BOUNDS });
    if (!asked.ok) throw new Error(asked.problems[0].message);
    expect(Buffer.from(asked.value.body).toString()).toBe(`GET /check${path} HTTP/1.1`);
    expect(asked.value.headers.filter(([name]) => name === "set-cookie")).toEqual([
      ["set-cookie", "a"],
      ["set-cookie", "b"],
    ]);
  }
  expect(connections()).toBe(1);
});

test("a kept connection that was closed meanwhile is no failure", async () => {
  const { url, connections } = await serveRaw((socket) => setTimeout(() => socket.destroy(), 5));
  for (let count = 0; count < 4; count++) {
    expect((await askHttp({ url, ...BOUNDS })).ok).toBe(true);
    await Bun.sleep(count % 2 === 0 ? 5 : 20);
  }
  expect(connections()).toBeGreaterThan(1);
});

test("a question that is given up ends at once", async () => {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Bun.sleep(5000).then(() => new Response("")),
  });
  stops.push(() => server.stop(true));
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 20);
  const started = performance.now();
  const asked = await askHttp({
    url: `http://127.0.0.1:${server.port}`,
    signal: abort.signal,
    timeoutMs: 4000,
    bytesMax: 10,
  });
  expect([asked.ok, performance.now() - started < 1000]).toEqual([false, true]);
});

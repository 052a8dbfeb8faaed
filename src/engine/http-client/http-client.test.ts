import { afterEach, expect, test } from "bun:test";
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

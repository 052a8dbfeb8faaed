import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFaults } from "./fault.js";

const DIRECTORY = import.meta.dir;
const FIRST_PORT = 18_610;
const NAMES = ["catalog", "inventory", "cart", "payments", "checkout", "recommendations", "storefront"] as const;
const urls = Object.fromEntries(NAMES.map((name, index) => [name, `http://127.0.0.1:${FIRST_PORT + index}`]));
const data = mkdtempSync(join(tmpdir(), "heddle-shop-"));
const faultFile = join(data, "faults.json");
const hasHaproxy = Bun.which("haproxy") !== null;
const children: Bun.Subprocess[] = [];

function start(script: string, name: string, extra: Readonly<Record<string, string>>): void {
  const environment = Object.fromEntries(Object.entries(urls).map(([each, url]) => [`${each.toUpperCase()}_URL`, url]));
  children.push(
    Bun.spawn(["node", script], {
      cwd: DIRECTORY,
      env: {
        ...process.env,
        ...environment,
        SERVICE: name,
        INSTANCE: `${name}-1`,
        FAULT_FILE: faultFile,
        DATA_DIRECTORY: join(data, name),
        HOST: "127.0.0.1",
        ...extra,
      },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
    }),
  );
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await condition().catch(() => false)); waited += 50) {
    if (waited > 10_000) throw new Error("the condition never held");
    await Bun.sleep(50);
  }
}

const isUp = (url: string) => until(async () => (await fetch(`${url}/healthz`)).ok);
const get = async (path: string) => (await fetch(urls["storefront"] + path)).json();
const post = (path: string, body?: object) =>
  fetch(urls["storefront"] + path, { method: "POST", body: body === undefined ? "" : JSON.stringify(body) });

beforeAll(async () => {
  for (const [index, name] of NAMES.entries()) start(`services/${name}.js`, name, { PORT: String(FIRST_PORT + index) });
  await Promise.all(Object.values(urls).map(isUp));
}, 20_000);

afterAll(async () => {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.exited));
  rmSync(data, { recursive: true });
});

describe("the shop", () => {
  test("sells: look, choose, buy, and the ledger knows", async () => {
    const product = (await get("/product/p3")) as { name: string; available: number; alsoSeen: unknown[] };
    expect(product).toMatchObject({ name: "Oak Heddle", available: 500 });
    expect(product.alsoSeen.length).toBe(2);
    expect((await post("/cart/ada", { product: "p3", quantity: 2 })).status).toBe(200);
    const order = await (await post("/checkout/ada")).json();
    expect(order).toMatchObject({ cents: 3000, order: "o1" });
    expect(await get("/cart/ada")).toEqual({ id: "ada", items: [] });
    expect((await get("/product/p3")) as object).toMatchObject({ available: 498 });
  });

  test("keeps each service's state in a file of its own", async () => {
    await until(async () => JSON.parse(readFileSync(join(data, "payments/state.json"), "utf8")).count === 1);
  });

  test("refuses what makes no sense", async () => {
    expect((await post("/checkout/nobody")).status).toBe(409);
    expect((await post("/cart/ada", { product: "everything" })).status).toBe(400);
    expect((await fetch(`${urls["catalog"]}/products/p999`)).status).toBe(404);
    expect((await fetch(`${urls["cart"]}/carts/x/items`, { method: "POST", body: "{" })).status).toBe(400);
  });

  test("hands on the headers that tie calls together, and no others", async () => {
    const seen: Record<string, unknown>[] = [];
    const upstream = createServer((request, response) => {
      seen.push(request.headers);
      response.end('{"products": []}');
    });
    await new Promise<void>((resolve) => upstream.listen(FIRST_PORT + 20, "127.0.0.1", resolve));
    start("services/storefront.js", "storefront", {
      PORT: String(FIRST_PORT + 21),
      CATALOG_URL: `http://127.0.0.1:${FIRST_PORT + 20}`,
    });
    const url = `http://127.0.0.1:${FIRST_PORT + 21}`;
    await isUp(url);
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await fetch(`${url}/`, { headers: { traceparent, tracestate: "a=b", "x-request-id": "r1", cookie: "secret" } });
    upstream.close();
    expect(seen[0]).toMatchObject({ traceparent, tracestate: "a=b", "x-request-id": "r1" });
    expect(seen[0]).not.toHaveProperty("cookie");
  });

  test("can be made slow or failing by one file, and heals when it is gone", async () => {
    writeFaults({ catalog: { delayMs: 300 } }, faultFile);
    await until(async () => {
      const begun = performance.now();
      await get("/search?q=oak");
      return performance.now() - begun > 250;
    });
    writeFaults({ "catalog-1": { status: 500, share: 1 } }, faultFile);
    await until(async () => (await fetch(`${urls["storefront"]}/search?q=oak`)).status === 502);
    writeFaults({}, faultFile);
    await until(async () => (await fetch(`${urls["storefront"]}/search?q=oak`)).ok);
  });

  describe.each([
    ["HAProxy", {}, FIRST_PORT + 30, !hasHaproxy],
    ["the plain proxy", { BALANCER: "proxy" }, FIRST_PORT + 31, false],
  ])("behind %s", (_name, extra, port, isSkipped) => {
    const url = `http://127.0.0.1:${port}`;

    test.skipIf(isSkipped)("is reached, slowed down and refused", async () => {
      start("balancer/balancer.js", "lb", { ...extra, PORT: String(port) });
      await isUp(url);
      expect((await fetch(`${url}/product/p1`)).status).toBe(200);
      writeFaults({ lb: { delayMs: 300 } }, faultFile);
      await until(async () => {
        const begun = performance.now();
        await fetch(`${url}/`);
        return performance.now() - begun > 250;
      });
      writeFaults({ lb: { status: 503, share: 1 } }, faultFile);
      await until(async () => (await fetch(`${url}/`)).status === 503);
      writeFaults({}, faultFile);
      await until(async () => (await fetch(`${url}/`)).ok);
    });
  });
});

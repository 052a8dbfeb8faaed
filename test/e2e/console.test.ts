import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { browserMissing, launchBrowser } from "../fakes/browser.ts";
import { type ConsoleServer, startConsoleServer } from "../fakes/console-server.ts";
import { largeGraph } from "../fakes/shop-answers.ts";

const BUILT = fileURLToPath(new URL("../../dist/console", import.meta.url));
const NODES = 10;
const EDGES = 13;

const suite = browserMissing === undefined ? describe : describe.skip;

suite(`the console in a browser${browserMissing === undefined ? "" : ` (skipped: ${browserMissing})`}`, () => {
  let browser: Browser;
  let server: ConsoleServer;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];
  let outside: string[];

  beforeAll(async () => {
    if (!existsSync(`${BUILT}/index.html`)) throw new Error("The console is not built: run `npx vite build`.");
    browser = await launchBrowser();
  }, 60_000);
  afterAll(() => browser.close());

  beforeEach(async () => {
    server = startConsoleServer(BUILT);
    await openContext();
  });
  afterEach(async () => {
    await context.close();
    await server.stop();
  });

  /** Every complaint of the page counts, a breach of the content security policy foremost. */
  async function openContext(options: Parameters<Browser["newContext"]>[0] = {}): Promise<void> {
    await context?.close();
    context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    complaints = [];
    outside = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("request", (request) => !request.url().startsWith(server.url) && outside.push(request.url()));
  }

  async function open(fragment = ""): Promise<void> {
    await page.goto(`${server.url}/${fragment}`);
    await page
      .locator(".node")
      .nth(NODES - 1)
      .waitFor();
  }

  const seriousFaults = async (): Promise<readonly string[]> => {
    const { violations } = await new AxeBuilder({ page }).analyze();
    return violations
      .filter((each) => each.impact === "serious" || each.impact === "critical")
      .map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" | ")}`);
  };

  test("shows the whole map in less than two seconds, asking nobody else, within a strict content policy", async () => {
    await open();
    await page.reload();
    await page
      .locator(".node")
      .nth(NODES - 1)
      .waitFor();
    const shownMs = await page.evaluate(() => performance.now());
    expect(shownMs).toBeLessThan(2_000);
    expect(await page.locator(".node").count()).toBe(NODES);
    expect(await page.locator("path.edge").count()).toBe(EDGES);
    expect(outside).toEqual([]);
    expect(complaints).toEqual([]);
  }, 60_000);

  test("shows rate, success, both latencies and the lock on a call, and the role of gateway and load balancer", async () => {
    await open();
    const call = page.getByRole("button", { name: /^storefront to checkout.*mutual TLS/ });
    expect(await call.textContent()).toMatch(/\/s.*97\.4%.*431 \/ 612 ms/);
    expect(await call.locator(".edge-label__lock .icon").isVisible()).toBe(true);
    expect(await page.getByRole("button", { name: /^edge gateway/ }).isVisible()).toBe(true);
    expect(await page.getByRole("button", { name: /^lb load balancer/ }).isVisible()).toBe(true);
    expect(await page.getByRole("button", { name: /^storefront service.*2\/2 ready/ }).isVisible()).toBe(true);
  }, 60_000);

  test("shows a denied call dashed, with the policy that denied it", async () => {
    await open();
    const denied = page.getByRole("button", { name: /^recommendations to payments.*18 denied.*by payments-callers/ });
    expect(await denied.isVisible()).toBe(true);
    const dashes = await page.evaluate<string>(
      `getComputedStyle(document.querySelector("path.edge--denied")).strokeDasharray`,
    );
    expect(dashes).toBe("7px, 5px");
    await denied.click();
    expect(await page.getByRole("region", { name: "Denials" }).textContent()).toContain(
      "AuthorizationPolicy/shop/payments-callers",
    );
  }, 60_000);

  test("says why: the verdict, the culprit with its evidence, and the time of each hop", async () => {
    await open();
    const why = page.getByTestId("why");
    await why.getByTestId("verdict").waitFor();
    expect(await why.getByRole("combobox").inputValue()).toBe("shop/edge");
    expect(await why.getByTestId("verdict").textContent()).toContain("payments");
    const first = await why.locator(".culprit").first().textContent();
    expect(first).toContain("payments");
    expect(first).toContain("91%");
    expect(first).toContain("114 of 117 requests");
    expect(await why.locator(".bars__hop").first().textContent()).toContain("2.1 → 49 ms");
    await why.getByRole("combobox").selectOption("shop/checkout");
    await page.waitForResponse((response) => response.url().includes("service=shop%2Fcheckout"));
  }, 60_000);

  test("can be walked and chosen from by keyboard alone", async () => {
    await open();
    await page.getByRole("button", { name: /^edge gateway/ }).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await page.evaluate<string>("document.activeElement.id")).toBe("node-shop/lb");
    await page.getByRole("heading", { name: "lb" }).waitFor();
    expect(await page.getByRole("button", { name: /^lb load balancer/ }).getAttribute("aria-pressed")).toBe("true");
    await page.getByRole("button", { name: "storefront", exact: true }).press("Enter");
    expect(await page.locator(".reporters").textContent()).toMatch(/Caller’s agent\s*37 ms\s*455 ms/);
    await page.keyboard.press("Escape");
    await page.getByTestId("verdict").waitFor();
  }, 60_000);

  test("does not move while the same mesh is shown with new figures", async () => {
    await open();
    const places = () =>
      page.locator(".react-flow__node").evaluateAll((all) => all.map((each) => each.style.transform));
    const before = await places();
    await page.waitForResponse((response) => response.url().includes("/graph"));
    await page.waitForResponse((response) => response.url().includes("/graph"));
    expect(await places()).toEqual(before);
  }, 60_000);

  test.each(["light", "dark"] as const)(
    "has no serious fault of accessibility in %s",
    async (colorScheme) => {
      await openContext({ colorScheme, reducedMotion: "reduce" });
      await open();
      await page.getByTestId("verdict").waitFor();
      expect(await seriousFaults()).toEqual([]);
      await page.getByRole("button", { name: /^recommendations to payments/ }).click();
      await page.getByText("Table", { exact: true }).click();
      await page.getByRole("table", { name: "Calls between services" }).waitFor();
      expect(await page.locator(".topology-table tbody tr").count()).toBe(EDGES);
      expect(await seriousFaults()).toEqual([]);
    },
    60_000,
  );

  test("stands still for readers who want no motion", async () => {
    await openContext({ reducedMotion: "reduce" });
    await open();
    expect(await page.locator("path.flow").first().isVisible()).toBe(false);
  }, 60_000);

  test("fits a phone: nothing is wider than the screen", async () => {
    await openContext({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await open();
    await page.getByTestId("verdict").waitFor();
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
    expect(await seriousFaults()).toEqual([]);
  }, 60_000);

  test("opens a session with the code of the address, once, and forgets it", async () => {
    await open("#code=one-time_code");
    expect(server.sessions).toEqual([{ header: "1", code: "one-time_code" }]);
    expect(page.url()).toBe(`${server.url}/`);
    await page.goto(`${server.url}/#code=another`);
    await page.waitForResponse((response) => response.url().endsWith("/api/v1/session"));
    expect(server.sessions.length).toBe(2);
  }, 60_000);

  test("keeps the last map while the server is away, says how old it is, and recovers", async () => {
    await open();
    server.mode = "away";
    await page.getByText(/Server unreachable · showing data of \d+ s ago/).waitFor();
    expect(await page.locator(".node").count()).toBe(NODES);
    server.mode = "answering";
    await page.getByText("Live", { exact: true }).waitFor();
  }, 60_000);

  test("says what to do when signed out and when no workload has joined", async () => {
    server.mode = "signed-out";
    await page.goto(server.url);
    await page.getByRole("heading", { name: "Signed out" }).waitFor();
    expect(await page.getByRole("link", { name: "Sign in" }).getAttribute("href")).toBe("/api/v1/login");
    server.mode = "answering";
    server.graph = (nowMs, windowMs) => ({ generatedAtMs: nowMs, windowMs, nodes: [], edges: [] });
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: "No workload has joined yet" }).waitFor();
  }, 60_000);

  test("asks for the window that is chosen, and for nothing while paused", async () => {
    await open();
    const asked = page.waitForRequest((request) => request.url().includes("graph?window=5m"));
    await page.getByText("5 min", { exact: true }).click();
    await asked;
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText(/^Paused · \d+ s old$/).waitFor();
  }, 60_000);

  test("shows a hundred services", async () => {
    server.graph = (nowMs) => largeGraph(100, nowMs);
    await page.goto(server.url);
    await page.locator(".node").nth(99).waitFor();
    await page.getByRole("button", { name: /^service-050 service/ }).press("Enter");
    await page.getByRole("heading", { name: "service-050" }).waitFor();
    expect(complaints).toEqual([]);
  }, 60_000);
});

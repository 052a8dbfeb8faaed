/** A person logs in to the console in a real browser, by a provider with real keys, at a real server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import type { ControlPlane } from "#server";
import { browserMissing, launchBrowser } from "../fakes/browser.ts";
import { startLoginServer } from "../fakes/login-server.ts";
import { FakeOidcServer } from "../fakes/oidc-server.ts";
import { temporaryFolder } from "../fakes/running-mesh.ts";

const BUILT = fileURLToPath(new URL("../../dist/console", import.meta.url));
const suite = browserMissing === undefined ? describe : describe.skip;

suite(`logging in to the console${browserMissing === undefined ? "" : ` (skipped: ${browserMissing})`}`, () => {
  const directory = temporaryFolder();
  const provider = new FakeOidcServer("localhost");
  let browser: Browser;
  let server: ControlPlane;

  beforeAll(async () => {
    server = await startLoginServer(directory, provider, BUILT);
    browser = await launchBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await server.stop();
    await provider.stop();
    rmSync(directory, { recursive: true });
  });

  async function giveView(): Promise<void> {
    const { token } = JSON.parse(readFileSync(join(directory, "data/admin.json"), "utf8")) as { token: string };
    const text = `apiVersion: heddle.dev/v1\nkind: AdminRole\nmetadata: { name: sre, namespace: shop }\nspec: { verbs: [view], holders: [{ group: sre }] }\n`;
    const applied = await fetch(`${server.url}/api/v1/apply`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ files: [{ file: "role.yaml", text }] }),
    });
    expect(applied.status).toBe(200);
  }

  const heading = (page: Page, name: string) => page.getByRole("heading", { name }).waitFor();

  test("shows nothing to who has no role, the mesh to who has one, and nothing after signing out", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    await page.goto(server.url);
    await heading(page, "Signed out");
    await page.getByRole("link", { name: "Sign in" }).click();
    await heading(page, "The server refuses to show the mesh");
    await page.getByText(/person:248289761001 \(ada@example\.org\) may not GET \/api\/v1\/graph/).waitFor();
    expect(await page.evaluate("document.cookie")).toBe("");
    await giveView();
    await page.getByRole("button", { name: "Try again" }).click();
    await heading(page, "No workload has joined yet");
    await page.getByRole("button", { name: "Sign out" }).click();
    await heading(page, "Signed out");
    expect((await context.cookies()).filter(({ name }) => name === "heddle_session")).toEqual([]);
    await context.close();
  }, 60_000);
});

// Takes the picture of the console: bun scripts/screenshot.ts URL OUT [--dark] [--phone] [--select NAME]
import { launchBrowser } from "../test/fakes/browser.ts";

const [url, out, ...flags] = process.argv.slice(2);
if (url === undefined || out === undefined) {
  console.error("usage: bun scripts/screenshot.ts URL OUT [--dark] [--phone] [--select NAME]");
  process.exit(2);
}

const browser = await launchBrowser();
try {
  const page = await browser.newPage({
    viewport: flags.includes("--phone") ? { width: 390, height: 844 } : { width: 1440, height: 900 },
    deviceScaleFactor: flags.includes("--phone") ? 2 : 1.5,
    colorScheme: flags.includes("--dark") ? "dark" : "light",
  });
  page.on("console", (message) => message.type() === "error" && console.error(message.text()));
  await page.goto(url);
  await page.locator(".node").first().waitFor({ timeout: 15_000 });
  const chosen = flags[flags.indexOf("--select") + 1];
  if (flags.includes("--select") && chosen !== undefined)
    await page.locator(`.node:has-text("${chosen}")`).first().click();
  // A few answers later the certificate rings have found their scale.
  await page.waitForTimeout(3_500);
  await page.screenshot({ path: out });
} finally {
  await browser.close();
}

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env["HEDDLE_CHROMIUM"] ?? "/usr/bin/chromium";

/** Why no browser test can run here, or undefined. With HEDDLE_REQUIRE_ALL=1 the tests run and fail instead. */
export const browserMissing =
  existsSync(CHROMIUM) || process.env["HEDDLE_REQUIRE_ALL"] === "1" ? undefined : `${CHROMIUM} is not installed`;

/** Debian's Chromium, told not to speak to anyone by itself. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

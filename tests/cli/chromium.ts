/**
 * Starts a real browser, where there is one.
 */
import { accessSync, constants } from "node:fs";
import process from "node:process";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Finds the browser that is installed; `undefined` for none. */
export function installedChromium(): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    for (const name of NAMES) {
      try {
        accessSync(`${folder}/${name}`, constants.X_OK);
        return `${folder}/${name}`;
      } catch {
        // Not this one.
      }
    }
  }
}

/** Why a test that needs Chromium is skipped; `false` where one is installed. */
export const NO_CHROMIUM: string | false = installedChromium() === undefined &&
  "there is no Chromium here";

/** Starts Chromium; `undefined` where none is installed. */
export async function startChromium(): Promise<Browser | undefined> {
  const executablePath = installedChromium();
  if (executablePath === undefined) return undefined;
  const quiet = ["background-networking", "component-update", "sync", "gpu", "quic"];
  return await chromium.launch({
    executablePath,
    timeout: 20_000,
    // A sandbox needs rights that containers do not give; only this repository's page is opened.
    args: ["--no-sandbox", "--no-first-run", ...quiet.map((name) => `--disable-${name}`)],
  });
}

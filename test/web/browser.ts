/** Debian's Chromium, where it is installed. */

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A browser without a window; undefined where there is none, which it tells in a line. */
export async function launchBrowser(): Promise<Browser | undefined> {
  const executablePath = PATHS.find((path) => existsSync(path));
  if (executablePath === undefined) {
    process.stderr.write('Chromium is not installed: what is done in a browser is skipped\n');
    return undefined;
  }
  // The tests may run as root, where Chromium's own sandbox refuses to work; they visit no page but the project's.
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

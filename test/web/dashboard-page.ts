/** The dashboard in a browser, as tests look at it. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

/** What axe-core finds, as far as it is of interest here. */
interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string | null;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

export interface DashboardPage {
  readonly page: Page;
  /** Everything that went wrong on the page. */
  readonly complaints: string[];
}

export interface OpenOptions extends BrowserContextOptions {
  /** A script that the page runs before its own. */
  readonly script?: string;
}

/** Opens the page, and waits until it shows the cluster live. */
export async function openDashboard(
  browser: Browser | undefined,
  port: number,
  { script = '', ...options }: OpenOptions = {},
): Promise<DashboardPage> {
  const context = await browser?.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  if (context === undefined) throw new Error('there is no browser');
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript(script);
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.getByText('live', { exact: true }).waitFor();
  return { page, complaints };
}

/** The serious problems of accessibility that axe finds, a line each. */
export async function seriousProblems(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate<AxeResults>('axe.run(document)');
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

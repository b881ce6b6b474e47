/**
 * `npm run screenshots`: the dashboard's pictures in docs/, of a cluster under load to which things happen.
 */

import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { AdminServer } from '../../src/admin/admin-server.js';
import { Cluster } from '../../src/cluster/cluster.js';
import { eventually } from '../support/cluster.js';
import { launchBrowser } from './browser.js';

const DIRECTORY = new URL('../../../docs/screenshots/', import.meta.url);
const TIMEOUT_MS = 10_000;
/** Enough to fill the charts. */
const SAMPLES = 34;

const cluster = new Cluster({ servers: 5, port: 0, routerPort: 0, memory: true });
const admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
const browser = await launchBrowser();
if (browser === undefined) process.exit(1);
await admin.start();
await cluster.start();

const desktop = { viewport: { width: 1440, height: 1010 } };
const dark = await open(browser, { ...desktop, colorScheme: 'dark' });
const light = await open(browser, { ...desktop, colorScheme: 'light' });
const phone = await open(browser, {
  viewport: { width: 390, height: 844 },
  colorScheme: 'dark',
  deviceScaleFactor: 2,
});

await dark.getByLabel('1k/s').check();
await samples(dark, SAMPLES / 2);
const first = await cluster.waitForLeader(TIMEOUT_MS);
await cluster.kill(first);
const second = await cluster.waitForLeader(TIMEOUT_MS);
await cluster.setLink({ from: second, to: (second + 2) % 5, dropRate: 0.2, delayMs: [20, 40] });
await run(dark, 'set greeting hello');
await run(dark, 'get greeting');
await run(dark, 'cas greeting 1 hi');
await samples(dark, SAMPLES / 2);
await save(dark, 'dark');

await cluster.restart(first);
await cluster.heal();
await samples(light, 3);
const third = await cluster.waitForLeader(TIMEOUT_MS);
const apart = [third, (third + 1) % 5];
await cluster.partition([apart, [0, 1, 2, 3, 4].filter((id) => !apart.includes(id))]);
await eventually('the others elect a leader', () => !apart.includes(cluster.leader ?? third));
await light.getByRole('status').getByText(`Server ${cluster.leader} leads`).waitFor();
await samples(light, 2);
await save(light, 'light');

await cluster.heal();
await samples(phone, 3);
await save(phone, 'phone');

await browser.close();
await admin.close();
await cluster.close();

async function open(from: Browser, options: BrowserContextOptions): Promise<Page> {
  const page = await (await from.newContext(options)).newPage();
  await page.goto(`http://127.0.0.1:${admin.address.port}/`);
  await page.getByText('live', { exact: true }).waitFor();
  return page;
}

/** Waits until `count` more measurements came. */
async function samples(page: Page, count: number): Promise<void> {
  const stream = await page.evaluateHandle(`new Promise((resolve) => {
    let left = ${count};
    const source = new EventSource('/api/live');
    source.addEventListener('sample', () => {
      left -= 1;
      if (left > 0) return;
      source.close();
      resolve();
    });
  })`);
  await stream.dispose();
}

async function run(page: Page, command: string): Promise<void> {
  await page.getByLabel('Command').fill(command);
  await page.getByLabel('Command').press('Enter');
  await page.locator('.line.input', { hasText: command }).waitFor();
  await page.locator('.line.input:last-child').waitFor({ state: 'detached' });
}

async function save(page: Page, name: string): Promise<void> {
  await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
  await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, DIRECTORY)) });
}

import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, everyServerUp, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';
import { launchBrowser } from './browser.js';
import { type OpenOptions, openDashboard, seriousProblems } from './dashboard-page.js';

const MAX_DOWNLOAD_BYTES = 150_000;
const MAX_NEW_LEADER_MS = 1_000;

describe('the dashboard', () => {
  let browser: Browser | undefined;
  let cluster: Cluster;
  let admin: AdminServer;
  let page: Page;
  let complaints: readonly string[];

  before(async function () {
    browser = await launchBrowser();
    if (browser === undefined) this.skip();
    cluster = await newCluster();
    admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
    await admin.start();
    await cluster.start();
  });
  beforeEach(async () => {
    await everyServerUp(cluster);
    await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    page = await open();
  });
  afterEach(async () => {
    await page.context().close();
  });
  after(async () => {
    await browser?.close();
    await admin?.close();
    await cluster?.close();
  });

  async function open(options: OpenOptions = {}): Promise<Page> {
    const opened = await openDashboard(browser, admin.address.port, options);
    complaints = opened.complaints;
    return opened.page;
  }

  /** Waits until the page says that the cluster's own leader leads. */
  async function leaderShown(): Promise<number> {
    const leads = page.getByRole('status').getByText(/^Server \d leads/);
    let leader = -1;
    await eventually('the page shows the leader', async () => {
      leader = cluster.leader ?? -1;
      return (await leads.allTextContents()).some((text) => text.startsWith(`Server ${leader} leads`));
    });
    return leader;
  }

  it('shows three servers and one leader', async () => {
    const leader = await leaderShown();
    const buttons = page.getByRole('button', { name: /^Server \d, / });
    await page.getByRole('button', { name: `Server ${leader}, leader` }).waitFor();
    expect(await buttons.count()).to.equal(3);
    expect(await page.getByRole('button', { name: /^Server \d, leader/ }).count()).to.equal(1);
    expect(await page.locator('.strip canvas').count()).to.equal(3);
    expect(complaints).to.deep.equal([]);
  });

  it('shows the next leader within a second after the leader was killed there', async () => {
    const leader = await leaderShown();
    const timeline = page.locator('.timeline');
    const elections = timeline.locator('[data-type="elected"]');
    const electionsBefore = await elections.count();
    await page.getByRole('button', { name: `Server ${leader}, leader` }).click();
    await page.getByRole('toolbar').getByRole('button', { name: 'Kill' }).click();
    const next = page.getByRole('status').filter({ hasText: /leads/, hasNotText: `Server ${leader} leads` });
    await next.waitFor({ timeout: MAX_NEW_LEADER_MS });
    await timeline.getByText(`Server ${leader} was killed`).waitFor();
    await elections.nth(electionsBefore).waitFor();
    await page.getByRole('toolbar').getByRole('button', { name: 'Restart' }).click();
    await timeline.getByText(`Server ${leader} is restarted`).waitFor();
    await page.getByRole('button', { name: `Server ${leader}, follower` }).waitFor();
    expect(complaints).to.deep.equal([]);
  });

  it('partitions by a line across the ring, and heals', async () => {
    await leaderShown();
    const stage = await page.locator('.stage-box').boundingBox();
    if (stage === null) throw new Error('the stage is not shown');
    const height = stage.y + stage.height * 0.48;
    await page.mouse.move(stage.x + 20, height);
    await page.mouse.down();
    await page.mouse.move(stage.x + stage.width - 20, height, { steps: 4 });
    await page.mouse.up();
    await page.getByText('The network is partitioned: 0 | 1 2').waitFor();
    expect(await page.locator('.link.is-cut').count()).to.equal(4);
    await page.getByRole('button', { name: 'Heal all' }).click();
    await page.getByText('The network is whole again').waitFor();
    await page.locator('.link.is-cut').first().waitFor({ state: 'detached' });
  });

  it('partitions by groups, for those who have no pointer', async () => {
    await page.getByLabel('Group of server 0').selectOption('A');
    await page.getByLabel('Group of server 2').selectOption('B');
    await page.getByRole('button', { name: 'Cut', exact: true }).press('Enter');
    await page.getByText('The network is partitioned: 0 1 | 2').waitFor();
    await page.getByRole('button', { name: 'Heal all' }).press('Enter');
    await page.getByText('The network is whole again').first().waitFor();
  });

  it('makes a link lossy and slow, shows it, and undoes it', async () => {
    await page.getByLabel('Loss').fill('50');
    await page.getByLabel('Delay').fill('40');
    await page.getByLabel('both ways').uncheck();
    await page.getByRole('button', { name: 'Disturb' }).click();
    await page.getByText('0 → 1: 50 % lost, 20–40 ms').waitFor();
    expect(cluster.faults.links).to.deep.equal([{ from: 0, to: 1, dropRate: 0.5, delayMs: [20, 40] }]);
    await page.getByRole('button', { name: 'Undo the fault from 0 to 1' }).click();
    await page.getByText('Every message arrives at once.').waitFor();
  });

  it('sets a key in the console that a client then reads, and the other way round', async () => {
    const client = await TextClient.connect(cluster.routerAddress?.port ?? 0);
    const prompt = page.getByLabel('Command');
    await prompt.fill('set from-page two  words');
    await prompt.press('Enter');
    await page.getByText(/OK, version 1/).waitFor();
    expect(await client.get('from-page')).to.deep.equal({ type: 'VALUE', value: 'two  words' });
    await client.set('from-client', 'hello');
    client.close();
    await prompt.fill('get from-client');
    await prompt.press('Enter');
    await page.locator('.line.value', { hasText: 'hello' }).waitFor();
    await prompt.fill('delete from-client');
    await prompt.press('Enter');
    await page.getByText(/^DELETED/).waitFor();
    await prompt.press('ArrowUp');
    expect(await prompt.inputValue()).to.equal('delete from-client');
  });

  it('puts load on the cluster, and takes it away', async () => {
    await page.getByLabel('100/s').check();
    await eventually(
      'keys are written',
      async () => ((await cluster.measure()).servers.get(0)?.keys ?? 0) > 10,
    );
    await page.getByLabel('Off').check();
    await eventually('the clients are gone', async () => {
      return (await cluster.measure()).gateway.router?.openConnections === 0;
    });
  });

  it('pauses a server, and hands leadership over', async () => {
    const leader = await leaderShown();
    const other = (leader + 1) % 3;
    await page.getByRole('button', { name: `Hand leadership to server ${other}` }).click();
    await page.getByRole('status').getByText(`Server ${other} leads`).waitFor();
    await page.getByRole('button', { name: `Pause server ${leader} for 3 seconds` }).click();
    await page.getByRole('button', { name: `Server ${leader}, silent` }).waitFor();
    await page.getByRole('button', { name: `Server ${leader}, follower` }).waitFor();
  });

  it('says what went wrong with a call', async () => {
    const id = await leaderShown();
    await page.route('**/kill', (route) => route.fulfill({ status: 409, json: { error: 'not now' } }));
    await page.getByRole('button', { name: `Kill server ${id}` }).click();
    await page.getByRole('alert').getByText('not now').waitFor();
    await page.getByRole('button', { name: 'Dismiss' }).click();
    expect(await page.getByRole('alert').count()).to.equal(0);
  });

  it('is operated with the keyboard', async () => {
    await leaderShown();
    await page.getByRole('button', { name: /^Server 0, / }).press('Enter');
    const menu = page.getByRole('toolbar', { name: 'Server 0' });
    await menu.waitFor();
    await menu.getByRole('button', { name: 'Kill' }).press('Escape');
    await menu.waitFor({ state: 'detached' });
  });

  it('says that the connection is lost, and goes on when the program is back', async () => {
    await leaderShown();
    const { port } = admin.address;
    await admin.close();
    await page
      .getByRole('alert')
      .getByText(/The connection to the program is lost/)
      .waitFor();
    admin = new AdminServer(cluster, { host: '127.0.0.1', port });
    await admin.start();
    await page.getByText('live', { exact: true }).waitFor();
    expect(await page.getByRole('alert').count()).to.equal(0);
    await leaderShown();
  });

  it('asks no other host, and for little', async () => {
    await page.context().close();
    const context = await browser?.newContext();
    if (context === undefined) throw new Error('there is no browser');
    page = await context.newPage();
    const hosts = new Set<string>();
    let byteCount = 0;
    page.on('response', (response) => {
      hosts.add(new URL(response.url()).host);
      byteCount += Number(response.headers()['content-length'] ?? 0);
    });
    await page.goto(`http://127.0.0.1:${admin.address.port}/`);
    await leaderShown();
    expect([...hosts]).to.deep.equal([`127.0.0.1:${admin.address.port}`]);
    expect(byteCount).to.be.within(10_000, MAX_DOWNLOAD_BYTES);
  });

  it('fits a phone without scrolling to the side', async () => {
    await page.context().close();
    page = await open({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await leaderShown();
    expect(await page.evaluate('document.documentElement.scrollWidth')).to.equal(360);
  });

  for (const colorScheme of ['dark', 'light'] as const) {
    it(`has no serious problem of accessibility in ${colorScheme} colours`, async () => {
      await page.context().close();
      page = await open({ colorScheme });
      const leader = await leaderShown();
      await page.getByRole('button', { name: `Server ${leader}, leader` }).click();
      await page.getByLabel('Command').fill('get nothing');
      await page.getByLabel('Command').press('Enter');
      await page.getByText(/^ERR_NOT_FOUND/).waitFor();
      expect(await seriousProblems(page)).to.deep.equal([]);
    });
  }

  it('keeps the colours that were chosen', async () => {
    const before = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.getByRole('button', { name: /^Use (light|dark) colours$/ }).click();
    const chosen = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(chosen).not.to.equal(before);
    await page.reload();
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).to.equal(chosen);
  });
});

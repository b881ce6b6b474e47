import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import type { ObservedMembers } from '../../src/wire/observations.js';
import { eventually, WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';
import { launchBrowser } from './browser.js';
import { type OpenOptions, openDashboard, seriousProblems } from './dashboard-page.js';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

describe('members on the dashboard', () => {
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
  afterEach(async () => {
    await page.context().close();
  });
  after(async () => {
    await browser?.close();
    await admin?.close();
    await cluster?.close();
  });

  async function open(options: OpenOptions = {}): Promise<void> {
    ({ page, complaints } = await openDashboard(browser, admin.address.port, options));
  }

  /** Opens the page with frames that are changed as `change`, a function of the page's own, says. */
  async function openWith(change: string, options: OpenOptions = {}): Promise<void> {
    const script = `
      const parse = JSON.parse;
      const change = ${change};
      JSON.parse = (text) => {
        const data = parse(text);
        return Array.isArray(data?.servers) && 'members' in data ? change(data) : data;
      };`;
    await open({ ...options, script });
  }

  /** Opens the page as though these were the members. */
  async function openWithMembers(
    members: Partial<ObservedMembers>,
    options: OpenOptions = {},
  ): Promise<void> {
    const shown = { outgoing: [], replaced: [], learners: [], step: null, waitsFor: [], ...members };
    await openWith(`(frame) => ({ ...frame, members: ${JSON.stringify(shown)} })`, options);
  }

  function node(id: number) {
    return page.getByRole('button', { name: new RegExp(`^Server ${id}, `) });
  }

  it('adds a server, makes it the leader, and removes it, all with the keyboard', async () => {
    await open();
    await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    await page.getByText('3 voters, of which 2 decide.').waitFor();
    await page.getByRole('button', { name: 'Add a server' }).press('Enter');
    await page.getByRole('dialog', { name: 'Add a server?' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('4 voters, of which 3 decide.').waitFor();
    await node(3).waitFor();
    await page.getByRole('button', { name: 'Hand leadership to server 3' }).press('Enter');
    await page.getByRole('status').getByText('Server 3 leads').waitFor();
    await page.getByRole('button', { name: 'Remove server 3' }).press('Enter');
    await page.getByRole('dialog').getByText('It leads, and hands over to another first.').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('3 voters, of which 2 decide.').waitFor();
    await node(3).waitFor({ state: 'detached' });
    await page.locator('.timeline').getByText('Server 3 was removed').waitFor();
    expect(cluster.ids).to.deep.equal([0, 1, 2]);
    expect(complaints).to.deep.equal([]);
  });

  it('changes nothing when the question is left with Escape', async () => {
    await open();
    await page.getByRole('button', { name: 'Remove server 1' }).press('Enter');
    await page.getByRole('dialog', { name: 'Remove server 1?' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await cluster.members()).voters).to.deep.equal([0, 1, 2]);
  });

  it('draws servers, links and groups by ids that have a gap', async () => {
    await cluster.addServer();
    await cluster.removeServer(1);
    await open();
    await page.getByText('3 voters, of which 2 decide.').waitFor();
    expect(await page.locator('.node-button').count()).to.equal(3);
    expect(await page.locator('.link').count()).to.equal(6);
    await page.getByLabel('Group of server 3').waitFor();
    await page.getByLabel('To server').selectOption('3');
    await page.getByRole('button', { name: 'Disturb' }).click();
    await page.getByRole('button', { name: 'Undo the fault from 3 to 0' }).waitFor();
    await page.getByRole('button', { name: 'Heal all' }).click();
    await cluster.changeMembers([0, 1, 2]);
    await page.getByLabel('Group of server 1').waitFor();
    await eventually(
      'the page shows all links again',
      async () => (await page.locator('.link').count()) === 6,
    );
    expect(complaints).to.deep.equal([]);
  });

  it('replaces a server that is down', async () => {
    await open();
    await cluster.kill(1);
    await page.getByRole('button', { name: /^Server 1, stopped/ }).click();
    await page.getByRole('toolbar').getByRole('button', { name: 'Replace' }).click();
    await page.getByRole('dialog', { name: 'Replace server 1?' }).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.timeline').getByText('Server 1 was replaced').waitFor();
    await page.getByRole('button', { name: /^Server 1, follower/ }).waitFor();
    expect(cluster.isUp(1)).to.equal(true);
  });

  it('says why a change is refused', async () => {
    await open();
    const error = 'another change of members is under way: try again';
    await page.route('**/api/servers', (route) => route.fulfill({ status: 409, json: { error } }));
    await page.getByRole('button', { name: 'Add a server' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click();
    await page.getByRole('alert').getByText(`No server was added: ${error}.`).waitFor();
  });

  it('says in the program’s words why it refuses a change, and shows what helps', async () => {
    await open();
    await cluster.kill(2);
    await page.getByRole('button', { name: 'Server 2, stopped' }).waitFor();
    await page.getByRole('button', { name: 'Remove server 1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    const text =
      'Server 1 was not removed: of the servers 0, 2 no majority would run, for 2 is down: restart or replace it first.';
    await page.getByRole('alert').getByText(text).waitFor();
    expect((await cluster.members()).voters).to.deep.equal([0, 1, 2]);
    await cluster.restart(2);
  });

  it('says that a change is taken back', async () => {
    await openWithMembers({ outgoing: [0, 1], voters: [1, 2], step: 'giving up', waitsFor: [] });
    await page.getByText('The change is taken back: the old members go on.').waitFor();
  });

  it('says which members are being agreed on, and whom that waits for', async () => {
    await openWithMembers({ voters: [0, 1], step: 'deciding', waitsFor: [0, 1] });
    await page.getByText('The members {0, 1} are being agreed on. Waits for servers 0, 1.').waitFor();
  });

  it('says why a change was given up, and that the members are as they were', async () => {
    await open();
    const error = 'server 3 has not caught up within 60 s';
    await page.route('**/api/servers/2', (route) => route.fulfill({ status: 503, json: { error } }));
    await page.getByRole('button', { name: 'Remove server 2' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    const text = `Server 2 was not removed: ${error}. The members are as they were.`;
    await page.getByRole('alert').getByText(text).waitFor();
  });

  it('sends the directory that is typed for a new server', async () => {
    await open();
    let body: unknown;
    await page.route('**/api/servers', async (route) => {
      body = route.request().postDataJSON();
      await route.fulfill({ json: { ok: true, added: [] } });
    });
    await page.getByRole('button', { name: 'Add a server' }).click();
    await page.getByLabel('Directory').fill('/disk3/data');
    await page.getByLabel('Directory').press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await eventually('the call is made', async () => body !== undefined);
    expect(body).to.deep.equal({ dataDir: '/disk3/data' });
  });

  it('shows how much of the log a learner has', async () => {
    const learners = [{ id: 2, caughtUp: 0.63 }];
    await openWithMembers({ voters: [0, 1], learners, step: 'learning', waitsFor: [2] });
    await page.getByText('Server 2 catches up before it votes.').waitFor();
    const bar = page.getByRole('progressbar', { name: 'Server 2' });
    expect(await bar.getAttribute('value')).to.equal('0.63');
    await page.getByRole('button', { name: /^Server 2, .*, 63 % caught up/ }).waitFor();
    expect(await page.locator('.node .caught-up').count()).to.equal(1);
    expect(await page.getByRole('button', { name: 'Add a server' }).isDisabled()).to.equal(true);
  });

  it('draws the halves of a joint configuration', async () => {
    await openWithMembers({ outgoing: [0, 1], voters: [1, 2], step: 'deciding', waitsFor: [2] });
    await page.getByText('Joint: majorities of both {0, 1} and {1, 2} decide. Waits for server 2.').waitFor();
    const halves = ['old half', 'both halves', 'new half'];
    for (const [id, half] of halves.entries())
      await page.getByRole('button', { name: new RegExp(`^Server ${id}, .*${half}`) }).waitFor();
    expect(await page.locator('.node .old-half').count()).to.equal(2);
    expect(await page.locator('.node .new-half').count()).to.equal(2);
  });

  it('says that a server has lost its disk', async () => {
    const lost = "{ state: 'stopped', isDiskLost: true, reason: 'its directory is empty' }";
    await openWith(
      `(frame) => ({ ...frame, servers: frame.servers.map((server) => server.id === 1 ? { ...server, ...${lost} } : server) })`,
    );
    await page.getByRole('button', { name: 'Server 1, disk lost' }).waitFor();
    await page.getByRole('row', { name: /1 disk lost/ }).waitFor();
    await page.getByText('its directory is empty').waitFor();
  });

  describe('nine of them', () => {
    before(async function () {
      if (browser === undefined) this.skip();
      await cluster.changeMembers([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    });

    for (const [name, options] of Object.entries({ 'a screen of 1280 px': {}, 'a phone': PHONE })) {
      it(`fit ${name}`, async () => {
        await open(options);
        await page.getByText('9 voters, of which 5 decide.').waitFor();
        expect(await page.getByRole('button', { name: 'Add a server' }).isDisabled()).to.equal(true);
        const width = await page.evaluate('innerWidth');
        expect(await page.evaluate('document.documentElement.scrollWidth')).to.equal(width);
        const nodes = page.locator('.node-button');
        expect(await nodes.count()).to.equal(9);
        const boxes = await Promise.all((await nodes.all()).map((one) => one.boundingBox()));
        for (const [place, a] of boxes.entries()) {
          for (const b of boxes.slice(place + 1)) {
            const apart = Math.hypot((a?.x ?? 0) - (b?.x ?? 0), (a?.y ?? 0) - (b?.y ?? 0));
            expect(apart).to.be.greaterThan(a?.width ?? 0);
          }
        }
      });
    }

    for (const colorScheme of ['dark', 'light'] as const) {
      it(`pass axe in ${colorScheme} colours, while they change and with a question open`, async () => {
        const learners = [{ id: 8, caughtUp: 0.4 }];
        await openWithMembers({ outgoing: [0, 1, 2], voters: [2, 3, 4, 5, 6, 7], learners }, { colorScheme });
        await page.getByText(/^Joint: majorities/).waitFor();
        expect(await seriousProblems(page)).to.deep.equal([]);
        await page.context().close();
        await open({ colorScheme });
        await page.getByRole('button', { name: 'Remove server 4' }).click();
        await page.getByRole('dialog').waitFor();
        expect(await seriousProblems(page)).to.deep.equal([]);
      });
    }
  });
});

import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { Cluster } from '../../src/cluster/cluster.js';
import { newAuthority, signedBy } from '../../tools/support/certificates.js';
import { WAIT_TIMEOUT_MS } from '../support/cluster.js';
import { newCluster } from '../support/new-cluster.js';
import { launchBrowser } from './browser.js';

const PASSWORD = 'correct-horse';

for (const scheme of ['http', 'https'] as const) {
  describe(`the dashboard of a program with a password, over ${scheme}`, () => {
    let browser: Browser | undefined;
    let cluster: Cluster;
    let admin: AdminServer;
    let page: Page;

    before(async function () {
      browser = await launchBrowser();
      if (browser === undefined) this.skip();
      const tls = scheme === 'https' ? await signedBy(await newAuthority()) : null;
      cluster = await newCluster({ servers: 1, password: PASSWORD, tls });
      admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
      await admin.start();
      await cluster.start();
      await cluster.waitForLeader(WAIT_TIMEOUT_MS);
    });
    beforeEach(async () => {
      const context = await browser?.newContext({ ignoreHTTPSErrors: true });
      if (context === undefined) throw new Error('there is no browser');
      page = await context.newPage();
      await page.goto(`${scheme}://127.0.0.1:${admin.address.port}/`);
    });
    afterEach(async () => {
      await page?.context().close();
    });
    after(async () => {
      await browser?.close();
      await admin?.close();
      await cluster?.close();
    });

    it('asks for it, says that another is wrong, and shows the cluster live once it is told', async () => {
      const password = page.getByLabel('Password');
      await password.fill('wrong');
      await password.press('Enter');
      await page.getByRole('alert').getByText('the password is wrong').waitFor();
      expect(await page.getByText('live', { exact: true }).count()).to.equal(0);
      await password.fill(PASSWORD);
      await password.press('Enter');
      await page.getByText('live', { exact: true }).waitFor();
      await page.getByText('One voter, which decides alone.').waitFor();
      const prompt = page.getByLabel('Command');
      await prompt.fill('set k v');
      await prompt.press('Enter');
      await page.getByText(/OK, version 1/).waitFor();
    });

    it('keeps a cookie that scripts do not see, and that logs in the next page', async () => {
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByText('live', { exact: true }).waitFor();
      const [cookie] = await page.context().cookies();
      const isSecure = scheme === 'https';
      expect(cookie).to.include({ httpOnly: true, sameSite: 'Strict', secure: isSecure, path: '/' });
      expect(await page.evaluate('document.cookie')).to.equal('');
      await page.reload();
      await page.getByText('live', { exact: true }).waitFor();
    });
  });
}

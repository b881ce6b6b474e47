/** The alerts that docs/observing.md recommends fire when they should. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryDirectory } from '../support/cluster.js';
import { promtool } from '../support/promtool.js';

const RULES = fileURLToPath(new URL('../../../docs/alerts.yml', import.meta.url));
const DOCUMENT = new URL('../../../docs/observing.md', import.meta.url);

async function noLeaderRule(): Promise<string> {
  const document = await readFile(DOCUMENT, 'utf8');
  const rule = /no leader \(`([^`]+)`/.exec(document)?.[1];
  if (rule === undefined) throw new Error('docs/observing.md has no alert for "no leader"');
  return rule;
}

interface Series {
  readonly series: string;
  readonly values: string;
}

function roleOf(server: number, isLeader: string): Series {
  return { series: `threadraft_raft_role{server="${server}",role="leader"}`, values: isLeader };
}

describe('the alert that there is no leader', () => {
  let directory: { path: string; remove: () => Promise<void> };

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => directory.remove());

  const cases: readonly (readonly [when: string, fires: boolean, series: readonly Series[]])[] = [
    ['is silent while a server leads', false, [roleOf(0, '1 1 1'), roleOf(1, '0 0 0')]],
    ['fires while none leads', true, [roleOf(0, '1 0 0'), roleOf(1, '0 0 0')]],
    [
      'fires while all servers are down, so that none has a role',
      true,
      [roleOf(0, '1 stale'), roleOf(1, '0 stale')],
    ],
    ['fires while the program is down', true, []],
  ];
  for (const [when, fires, series] of cases) {
    it(when, async function () {
      const alert = { alert: 'NoLeader', expr: await noLeaderRule() };
      const rules = join(directory.path, 'rules.json');
      const test = join(directory.path, 'test.json');
      await writeFile(rules, JSON.stringify({ groups: [{ name: 'alerts', rules: [alert] }] }));
      const expected = { eval_time: '2m', alertname: 'NoLeader', exp_alerts: fires ? [{}] : [] };
      const tests = [{ interval: '1m', input_series: series, alert_rule_test: [expected] }];
      await writeFile(test, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }));
      const complaint = promtool(['test', 'rules', test]);
      if (complaint === undefined) this.skip();
      expect(complaint).to.equal('');
    });
  }
});

describe('the rules in docs/alerts.yml', () => {
  it('are good ones, and have the alert that there is no leader', async function () {
    const complaint = promtool(['check', 'rules', RULES]);
    if (complaint === undefined) this.skip();
    expect(complaint).to.equal('');
    expect(await readFile(RULES, 'utf8')).to.contain(await noLeaderRule());
  });
});

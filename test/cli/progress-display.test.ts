import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { AdminServer } from '../../src/admin/admin-server.js';
import { showMembers } from '../../src/cli/members-progress.js';
import { LINE_EVERY_MS, ProgressDisplay, type ProgressStream } from '../../src/cli/progress-display.js';
import { Cluster } from '../../src/cluster/cluster.js';
import { freePorts } from '../../tools/support/free-ports.js';
import { eventually, WAIT_TIMEOUT_MS } from '../support/cluster.js';

const MAIN_FILE = fileURLToPath(new URL('../../src/main.cjs', import.meta.url));
const CLEAR_LINE = '\r\u001b[K';
const hasTerminals = spawnSync('script', ['--version']).status === 0;
const NOBODY = { learners: [], change: { caughtUp: 0, waitsFor: [] } };

function learning(caughtUp: number, ...learners: number[]) {
  return { learners, change: { caughtUp, waitsFor: learners } };
}

/** What is written, a piece each. */
function display(options: Pick<ProgressStream, 'isTTY' | 'columns'>) {
  const written: string[] = [];
  const stream = { ...options, write: (text: string) => written.push(text) };
  return { written, display: new ProgressDisplay(stream, 0) };
}

describe('the progress of a change of members', () => {
  it('is a bar on a terminal, drawn anew when it has changed, and gone at the end', () => {
    const { written, display: bar } = display({ isTTY: true, columns: 49 });
    showMembers(bar, learning(0, 3), 0);
    showMembers(bar, learning(0.634, 3), 100);
    showMembers(bar, learning(0.634, 3), 200);
    showMembers(bar, learning(1, 3), 300);
    bar.end();
    const lines = written.map((text) => text.replace(CLEAR_LINE, ''));
    expect(lines).to.deep.equal([
      'server 3 catches up [--------------------]   0 %',
      'server 3 catches up [############--------]  63 %',
      'server 3 catches up [####################] 100 %',
      '',
    ]);
    for (const text of written) expect(text.startsWith(CLEAR_LINE)).to.equal(true);
  });

  it('says in words what comes after, and whom it waits for', () => {
    const { written, display: bar } = display({ isTTY: true });
    showMembers(bar, learning(0.5, 3, 4), 0);
    showMembers(bar, NOBODY, 1);
    showMembers(bar, { learners: [], change: { caughtUp: 0, waitsFor: [1, 2] } }, 2);
    expect(written.map((text) => text.replace(CLEAR_LINE, ''))).to.deep.equal([
      `servers 3, 4 catch up [${'#'.repeat(20)}${'-'.repeat(20)}]  50 %`,
      'the members are agreed on',
      'the change waits for servers 1, 2',
    ]);
  });

  it('fits any terminal', () => {
    for (let columns = 1; columns < 100; columns += 1) {
      const { written, display: bar } = display({ isTTY: true, columns });
      showMembers(bar, learning(0.99, 0, 1, 2, 3), 0);
      expect(written.join('').replace(CLEAR_LINE, '')).to.have.length.below(Math.max(columns, 1));
    }
  });

  it('is a line every five seconds in a pipe, without control characters, and none of a quick change', () => {
    const { written, display: lines } = display({});
    for (let atMs = 0; atMs < 2.5 * LINE_EVERY_MS; atMs += 250)
      showMembers(lines, learning(atMs / (2.5 * LINE_EVERY_MS), 3), atMs);
    lines.end();
    expect(written).to.deep.equal(['server 3 catches up  40 %\n', 'server 3 catches up  80 %\n']);
  });

  it('is seen on a terminal while a server is added that cannot be heard', async function () {
    if (!hasTerminals) this.skip();
    const port = await freePorts();
    const cluster = new Cluster(
      { servers: 3, port, routerPort: null, memory: true, electionTimeoutMs: 300 },
      { catchUpTimeoutMs: 2_000 },
    );
    await cluster.start();
    const admin = new AdminServer(cluster, { host: '127.0.0.1', port: 0 });
    await admin.start();
    try {
      await cluster.waitForLeader(WAIT_TIMEOUT_MS);
      await cluster.transferLeadership(0);
      await cluster.partition([[0, 2], [1]]);
      const command = `"${process.execPath}" "${MAIN_FILE}" members replace 1 --http-port ${admin.address.port}`;
      const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      await eventually('the bar is shown', () => /server 1 catches up \[#*-*\] +\d+ %/.test(text));
      await once(child, 'close');
      const last = text.slice(text.lastIndexOf(CLEAR_LINE) + CLEAR_LINE.length);
      expect(last).to.match(/^threadraft: .*has not caught up within 2 s\r\n$/);
    } finally {
      await admin.close();
      await cluster.close();
    }
  });
});

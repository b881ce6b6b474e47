/** The wall clock is set, while the program runs and while it does not: a TTL lasts as long as it says. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Program } from '../../tools/support/program.js';
import { TextClient } from '../../tools/support/text-client.js';
import { eventually, temporaryDirectory } from '../support/cluster.js';

const SKEWED_CLOCK = new URL('../../tools/chaos/skewed-clock.js', import.meta.url).href;
const HOUR_MS = 3_600_000;
const TTL_S = 2;

describe('keys with a deadline, when the wall clock was set back by an hour', function () {
  this.timeout(120_000);
  let directory: { path: string; remove: () => Promise<void> };
  let program: Program | undefined;
  let client: TextClient | undefined;

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    client?.close();
    await program?.kill();
    await directory.remove();
  });

  const clockFile = () => join(directory.path, 'clock');

  async function start(isThere: boolean): Promise<TextClient> {
    program = await Program.start({
      isThere,
      storage: { dataDir: join(directory.path, 'data') },
      nodeFlags: ['--import', SKEWED_CLOCK],
      env: { CHAOS_CLOCK: clockFile() },
    });
    client = await TextClient.connect(program.routerPort);
    return client;
  }

  /** A key lives as long as it says: not for the hour, and not for a moment only. */
  async function expectToExpire(of: TextClient): Promise<void> {
    const sinceMs = performance.now();
    expect(await of.set('short', 'v', TTL_S)).to.have.property('type', 'OK');
    const left = await of.getm('short');
    if (left.type !== 'ERR_NOT_FOUND') expect(left).to.have.property('exptimeS').that.is.within(1, TTL_S);
    await eventually('it has expired', async () => (await of.get('short')).type === 'ERR_NOT_FOUND');
    // Log time may go 1 % faster than the machine's.
    expect(performance.now() - sinceMs).to.be.above(0.95 * TTL_S * 1_000);
  }

  it('expire in time, also after a restart', async () => {
    await writeFile(clockFile(), `${HOUR_MS}`);
    const before = await start(false);
    await before.set('from-ahead', 'v', HOUR_MS / 1_000);
    await writeFile(clockFile(), '0');
    await expectToExpire(before);
    before.close();
    await program?.stop();
    // The last stamp on the disk is an hour ahead of the clock now.
    const after = await start(true);
    await expectToExpire(after);
    expect(await after.get('from-ahead')).to.have.property('type', 'VALUE');
  });
});

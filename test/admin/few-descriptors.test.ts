import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const FIXTURE = fileURLToPath(new URL('fixtures/few-descriptors.js', import.meta.url));
const DESCRIPTORS = 256;

/** What is answered while there are none left, and once there are some again. */
async function statusesWith(...args: string[]): Promise<readonly string[]> {
  const command = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, FIXTURE, ...args]);
  return stdout.trim().split('\n');
}

describe('an admin API that is not loaded when descriptors run out', function () {
  this.timeout(60_000);

  it('refuses a request with 503, and looks for the next one once there are some again', async () => {
    expect(await statusesWith()).to.deep.equal(['503', '404']);
  });

  it('answers also if they run out as soon as it has begun to load', async () => {
    expect(await statusesWith('while-loading')).to.deep.equal(['404', '404']);
  });
});

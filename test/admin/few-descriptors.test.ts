import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const FIXTURE = fileURLToPath(new URL('fixtures/few-descriptors.js', import.meta.url));
const DESCRIPTORS = 256;

describe('an admin API that is not loaded when descriptors run out', () => {
  it('refuses a request with 503, and looks for the next one once there are some again', async () => {
    const command = `ulimit -n ${DESCRIPTORS} && exec "$0" "$1"`;
    const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, FIXTURE]);
    expect(stdout.trim().split('\n')).to.deep.equal(['503', '404']);
  }).timeout(60_000);
});

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const CHANNEL = fileURLToPath(new URL('../../examples/channel.js', import.meta.url));

describe('the example of channels between two threads', () => {
  it('adds up what the other thread sends back, and ends', async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CHANNEL]);
    expect(stdout).to.equal('the sum of the first 10 squares is 385\n');
    expect(stderr).to.equal('');
  });
});

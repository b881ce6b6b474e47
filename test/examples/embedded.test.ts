import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const EMBEDDED = fileURLToPath(new URL('../../examples/embedded.js', import.meta.url));

describe('the example of a cluster inside a program', () => {
  it('reads back from the next leader what the killed one acknowledged, and ends', async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [EMBEDDED]);
    const [before, set, get, after] = stdout.split('\n');
    expect(set).to.equal('set: OK 1');
    expect(get).to.equal('get: "VALUE 5\\r\\nhello\\r\\n"');
    expect(after)
      .to.match(/^leader: [012]$/)
      .and.not.equal(before);
    expect(stderr).to.equal('');
  });
});

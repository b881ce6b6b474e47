import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { useDirectory } from '../support/storage.js';

const PROGRAM = fileURLToPath(new URL('fixtures/terminate-busy-files.js', import.meta.url));
/** By node:fs/promises, one in ten aborted the process. */
const THREADS = 60;

describe('a thread that is terminated while it works with files', () => {
  const directory = useDirectory();

  it('leaves the process alive', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, directory(), `${THREADS}`]);
    expect(stdout).to.equal('alive\n');
  });
});

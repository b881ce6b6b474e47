import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';

const MAX_LINES = 400;
const MAX_RAFT_LINES = 350;

describe('a file of the program', () => {
  it('is short: biome leaves out comments and blank lines, this counts all', async () => {
    const tooLong: string[] = [];
    const entries = await readdir('src', { recursive: true, withFileTypes: true });
    for (const entry of entries.filter(({ name }) => /[.]c?ts$/.test(name))) {
      const path = join(entry.parentPath, entry.name);
      const lines = (await readFile(path, 'utf8')).split('\n').length - 1;
      const most = path.startsWith(join('src', 'raft')) ? MAX_RAFT_LINES : MAX_LINES;
      if (lines > most) tooLong.push(`${path} has ${lines} lines, more than ${most}`);
    }
    expect(tooLong).to.deep.equal([]);
  });
});

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';

const MAX_LINES = 400;
const MAX_RAFT_LINES = 350;
/** Biome wraps code, not comments. */
const MAX_COMMENT_COLUMNS = 130;

describe('a file of the program', () => {
  const files: { readonly path: string; readonly lines: readonly string[] }[] = [];

  before(async () => {
    const entries = await readdir('src', { recursive: true, withFileTypes: true });
    for (const entry of entries.filter(({ name }) => /[.]c?ts$/.test(name))) {
      const path = join(entry.parentPath, entry.name);
      files.push({ path, lines: (await readFile(path, 'utf8')).trimEnd().split('\n') });
    }
  });

  it('is short: biome leaves out comments and blank lines, this counts all', () => {
    const tooLong: string[] = [];
    for (const { path, lines } of files) {
      const most = path.startsWith(join('src', 'raft')) ? MAX_RAFT_LINES : MAX_LINES;
      if (lines.length > most) tooLong.push(`${path} has ${lines.length} lines, more than ${most}`);
    }
    expect(tooLong).to.deep.equal([]);
  });

  it('says at its head what it is', () => {
    const silent = files.filter(
      ({ lines }) => !lines.find((line) => !line.startsWith('#!'))?.startsWith('/**'),
    );
    expect(silent.map(({ path }) => path)).to.deep.equal([]);
  });

  it('has comments that fit a window', () => {
    const tooWide = files.flatMap(({ path, lines }) =>
      lines.flatMap((line, place) =>
        line.length > MAX_COMMENT_COLUMNS && /^\s*(?:\/?\*|\/\/)/.test(line) ? [`${path}:${place + 1}`] : [],
      ),
    );
    expect(tooWide).to.deep.equal([]);
  });
});

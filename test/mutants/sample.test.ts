import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { chooseByHash } from '../../tools/mutants/choice.js';

const MAIN = fileURLToPath(new URL('../../tools/mutants/sample.js', import.meta.url));
const FIXTURES = fileURLToPath(new URL('./fixtures', import.meta.url));
const NAMES = ['caught', 'never caught', 'takes for ever'];

describe('The choice of mutants by a commit', () => {
  it('is the same each time, and without repetition', () => {
    for (const hash of hashes(100)) {
      const chosen = chooseByHash(NAMES, 2, hash);
      expect(new Set(chosen).size).to.equal(2);
      expect(chooseByHash(NAMES, 2, hash)).to.deep.equal(chosen);
    }
  });

  it('comes to each of them with some commit', () => {
    expect(new Set(hashes(100).flatMap((hash) => chooseByHash(NAMES, 1, hash))).size).to.equal(3);
  });

  it('takes all where there are no more', () => {
    expect(chooseByHash(NAMES, 9, 'abcdef1').sort()).to.deep.equal(NAMES);
  });
});

describe('A sample of mutants', () => {
  /** The first mutant that this hash chooses is the given one. */
  function sample(
    first: string,
    ...args: string[]
  ): { status: number | null; stdout: string; stderr: string } {
    const hash = hashes(100).find((each) => chooseByHash(NAMES, 1, each)[0] === first) ?? '';
    return spawnSync(process.execPath, [MAIN, `1:${FIXTURES}`, '--hash', hash, ...args], {
      encoding: 'utf8',
    });
  }

  it('ends well when each of them is caught', () => {
    const { status, stdout } = sample('caught');
    expect(stdout).to.match(/^again: npm run mutants:sample -- --hash [\da-f]+\nran caught\n$/);
    expect(status).to.equal(0);
  });

  it('names one that is not caught', () => {
    const { status, stdout } = sample('never caught');
    expect(stdout).to.match(/\nNOT CAUGHT: never caught\n$/);
    expect(status).to.equal(1);
  });

  it('ends one that takes too long', () => {
    const { status, stdout } = sample('takes for ever', '--seconds', '1');
    expect(stdout).to.match(/\nNOT CAUGHT in 1 s: takes for ever\n$/);
    expect(status).to.equal(1);
  });
});

function hashes(count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    (((i + 1) * 0x9e3779b1) % 2 ** 32).toString(16).padStart(8, '0').padEnd(40, '0'),
  );
}

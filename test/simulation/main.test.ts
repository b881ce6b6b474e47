import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { BUILT, makeCopy } from '../../tools/support/mutant-copy.js';
import { MUTANTS, SIMULATOR } from './mutant-list.js';

function simulate(
  program: string,
  ...args: string[]
): { exitCode: number | null; lines: string[]; errors: string } {
  const main = join(program, 'test/simulation/main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { exitCode: status, lines: stdout.trimEnd().split('\n'), errors: stderr };
}

describe('the simulator’s command line', () => {
  it('counts runs and violations in its last line', () => {
    const { exitCode, lines } = simulate(
      BUILT,
      '--seeds',
      '3',
      '--from',
      '7',
      '--servers',
      '3',
      '--steps',
      '500',
    );
    expect(lines.at(-1)).to.equal('simulate: 3 runs, 0 violations');
    expect(lines.at(-2)).to.match(/^seeds 7 to 9, [\d.]+ runs a second, \d+ events$/);
    expect(exitCode).to.equal(0);
  });

  it('shows a replayed run as a transcript, the same each time', () => {
    const args = ['--replay', '5', '--steps', '500', '--trace'];
    const { exitCode, lines } = simulate(BUILT, ...args);
    expect(lines[0]).to.match(/^ +\d+\.\d+ process starts$/);
    expect(lines.at(-1)).to.equal('simulate: 1 runs, 0 violations');
    expect(exitCode).to.equal(0);
    expect(simulate(BUILT, ...args).lines).to.deep.equal(lines);
  });

  for (const [args, complaint] of [
    [['--seeds', 'many'], /'many' is invalid.*whole number of 1 or more/],
    [['--seeds', '0'], /'0' is invalid/],
    [['--servers', '8'], /'8' is invalid.*from 1 to 7/],
    [['--steps', '-1'], /'-1' is invalid|argument missing/],
    [['--bogus'], /unknown option '--bogus'/],
    [['more'], /too many arguments/],
  ] as const) {
    it(`refuses ${args.join(' ')} in one line, with exit code 2`, () => {
      const { exitCode, lines, errors } = simulate(BUILT, ...args);
      expect(errors)
        .to.match(/^simulate: [^\n]+\n$/)
        .and.to.match(complaint);
      expect(lines).to.deep.equal(['']);
      expect(exitCode).to.equal(2);
    });
  }

  describe('of a core with a bug', function () {
    // It runs seeds until one shows the bug, and makes that smaller.
    this.timeout(300_000);
    let copy = '';

    before(async () => {
      const mutant = MUTANTS.find(({ name }) => name === 'vote for a log that is behind');
      if (mutant === undefined) throw new Error('there is no such mutant');
      copy = await mkdtemp(join(BUILT, 'mutants-test-'));
      await makeCopy([mutant], SIMULATOR, copy);
    });

    after(() => rm(copy, { recursive: true }));

    it('tells the seed, the property and the last steps, with exit code 1', () => {
      const { exitCode, lines } = simulate(copy, '--seeds', '40', '--servers', '5');
      expect(lines.at(-1)).to.match(/^simulate: \d+ runs, [1-9]\d* violations$/);
      expect(exitCode).to.equal(1);
      const [, seed] = lines.at(-3)?.match(/^seed (\d+): [a-z ]+: /) ?? [];
      const again = new RegExp(
        `^again: npm run simulate -- (--replay ${seed} --steps \\d+ --servers 5(?: --without [a-z\\d,]+)? --trace)$`,
      );
      expect(lines.at(-2)).to.match(again);
      const [, args = ''] = lines.at(-2)?.match(again) ?? [];
      expect(simulate(copy, ...args.split(' ')).lines.at(-1), 'the smaller run').to.equal(
        'simulate: 1 runs, 1 violations',
      );
      expect(lines.length, 'lines of the trace').to.be.greaterThan(40);
    });
  });
});

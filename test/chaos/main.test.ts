import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const MAIN = fileURLToPath(new URL('../../tools/chaos/main.js', import.meta.url));

describe('the command line of chaos', () => {
  for (const [args, complaint] of [
    ['--faults kill,flood', /^chaos: .*--faults.*It must be some of kill,crash,/],
    ['--servers 10', /^chaos: .*--servers.*It must be a whole number from 1 to 9/],
    ['--seconds 0', /^chaos: .*--seconds/],
    ['--bogus', /^chaos: unknown option '--bogus'/],
  ] as const) {
    it(`refuses ${args} in one line, with exit code 2`, () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args.split(' ')], {
        encoding: 'utf8',
      });
      expect(stderr).to.match(complaint);
      expect(stderr.trimEnd()).to.not.include('\n');
      expect(stdout).to.equal('');
      expect(status).to.equal(2);
    });
  }

  it('does faults to a program that serves clients, and judges', () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        MAIN,
        '--seconds',
        '3',
        '--servers',
        '3',
        '--clients',
        '6',
        '--faults',
        'kill,partition',
        '--seed',
        '4',
      ],
      { encoding: 'utf8' },
    );
    expect(stderr).to.equal('');
    expect(stdout.trimEnd().split('\n').at(-1)).to.match(
      /^chaos: [1-9]\d* ops, [1-9]\d* faults, linearizable$/,
    );
    expect(status).to.equal(0);
  });
});

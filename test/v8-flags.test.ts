import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';

const FLAGS = new URL('../src/v8-flags.js', import.meta.url).href;
const MANIFEST = new URL('../../package.json', import.meta.url);
const PROGRAM = new URL('../src/main.cjs', import.meta.url);

/** A nursery has two halves. */
const MOST_MIB = 8;

/** Has much survive the nursery of a thread, which V8 by itself lets grow to 32 MiB for that. */
const SCRIPT = `
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { getHeapSpaceStatistics } = require('node:v8');
function nurseryMib() {
  let kept = [];
  for (let round = 0; round < 30; round += 1) {
    for (let i = 0; i < 100_000; i += 1) kept.push({ i });
    if (round % 2 === 1) kept = [];
  }
  const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return space_size / 1024 / 1024;
}
if (!isMainThread) parentPort.postMessage(nurseryMib());
else import(process.argv.at(-1)).then(({ setV8Flags }) => {
  setV8Flags();
  const thread = new Worker(process.argv.at(-2), { eval: true, argv: [] });
  thread.once('message', (mib) => console.log(nurseryMib(), mib));
});
`;

describe('the flags of V8', () => {
  /** Of the main thread, and of another one. */
  async function nurseriesMib(...nodeFlags: readonly string[]): Promise<readonly number[]> {
    const args = [...nodeFlags, '-e', SCRIPT, SCRIPT, FLAGS];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    return stdout.trim().split(' ').map(Number);
  }

  it('keep the nurseries of threads small that start then', async () => {
    const [, mib] = await nurseriesMib();
    expect(mib).to.be.at.most(MOST_MIB);
  });

  it('leave nurseries as large as node was told', async () => {
    for (const mib of await nurseriesMib('--max-semi-space-size=16')) expect(mib).to.be.above(MOST_MIB);
  });

  it('have the nursery of the main thread small by what starts the program', async () => {
    const { scripts } = JSON.parse(readFileSync(MANIFEST, 'utf8'));
    const [, flag = ''] = / node (\S+) dist\/src\/main\.cjs$/.exec(scripts.start) ?? [];
    for (const mib of await nurseriesMib(flag)) expect(mib).to.be.at.most(MOST_MIB);
    expect(readFileSync(PROGRAM, 'utf8')).to.match(new RegExp(`^#!/usr/bin/env -S node ${flag}\n`));
  });
});

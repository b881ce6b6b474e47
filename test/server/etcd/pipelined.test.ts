import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { MAX_GROUPS } from '../../../src/etcd-limits.js';
import { BUILT, type Edit, makeCopy } from '../../../tools/support/mutant-copy.js';
import { runPipelined } from './pipelined-run.js';

const SEEDS = 40;
const COPIES = join(BUILT, `pipelined-mutants-${process.pid}`);
/** What a run needs of the built program. */
const NEEDED = [
  'src',
  'test/etcd',
  'test/server/etcd',
  'test/support',
  'tools/linearizability',
  'tools/support',
];

const MUTANTS: readonly { readonly name: string; readonly edit: Edit }[] = [
  {
    name: 'a command goes while an earlier one of its client is under way',
    edit: {
      file: 'etcd/command-order.js',
      search: 'this.#clients.has(client) || clients.has(client)',
      replacement: 'clients.has(client)',
    },
  },
  {
    name: 'a command overtakes one of its client that waits for a key',
    edit: {
      file: 'etcd/command-order.js',
      search: 'this.#clients.has(client) || clients.has(client)',
      replacement: 'this.#clients.has(client)',
    },
  },
  {
    name: 'what is not finished waits again after all others',
    edit: {
      file: 'etcd/command-order.js',
      search: '[...unfinished, ...this.#waiting]',
      replacement: '[...this.#waiting, ...unfinished]',
    },
  },
];

describe('clients that send many commands at once to servers on a model of etcd', () => {
  after(() => rm(COPIES, { recursive: true, force: true }));

  it('see them take effect in their order, several transactions at a time', async () => {
    let most = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) most = Math.max(most, await runPipelined(seed));
    expect(most).equal(MAX_GROUPS);
  });

  for (const [i, { name, edit }] of MUTANTS.entries())
    it(`find out this bug: ${name}`, async function () {
      this.timeout(60_000);
      const copy = join(COPIES, `${i}`);
      await makeCopy([edit], NEEDED, copy);
      const run: { readonly runPipelined: typeof runPipelined } = await import(
        pathToFileURL(join(copy, 'test/server/etcd/pipelined-run.js')).href
      );
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const isFound = await run.runPipelined(seed).then(
          () => false,
          () => true,
        );
        if (isFound) return;
      }
      throw new Error(`it was not found within ${SEEDS} runs`);
    });
});

/** Deliberate bugs, each of which one of the moves must tell. */

import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { BUILT, type Edit, makeCopy } from '../../tools/support/mutant-copy.js';
import { useDirectory } from '../support/storage.js';
import { followUnderLoad, roundTrip } from './moves.js';

interface Mutant {
  readonly name: string;
  readonly edit: Edit;
  readonly move: 'there and back' | 'followed';
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'the mark is one key ahead of what is in etcd',
    edit: {
      file: 'migration/etcd-target.js',
      search: 'records: this.#position.records + records.length, lastKey',
      replacement: 'records: this.#position.records + records.length + 1, lastKey',
    },
    move: 'there and back',
  },
  {
    name: 'the cut-over does not wait for the last change',
    edit: {
      file: 'migration/follow.js',
      search: 'this.#revision >= last || environment',
      replacement: 'last > 0 || environment',
    },
    move: 'followed',
  },
];

const COPIES = join(BUILT, `migration-mutants-${process.pid}`);
const silent = () => undefined;

/** Skipped without etcd. */
(HAS_ETCD ? describe : describe.skip)('A migration with a bug is told', () => {
  const parent = useDirectory();

  after(() => rm(COPIES, { recursive: true, force: true }));

  for (const [place, { name, edit, move }] of MUTANTS.entries())
    it(`when ${name}`, async function () {
      this.timeout(240_000);
      const copy = join(COPIES, `${place}`);
      await makeCopy([edit], ['src'], copy);
      // The program tells its version from there.
      await copyFile(join(BUILT, '../package.json'), join(copy, '../package.json'));
      const entry = join(copy, 'src/main.cjs');
      const etcd = await Etcd.start();
      const run = { etcd, directory: parent(), keys: 2_000, say: silent, entry };
      const moving =
        move === 'followed'
          ? followUnderLoad({ ...run, loadMs: 1_000, kills: 0 })
          : roundTrip({ ...run, kills: { there: 1, back: 1 } });
      const told = await moving.catch((error: Error) => error.message).finally(() => etcd.stop());
      expect(told).to.match(
        /the target has \d+ keys, the source \d+|differs from the cluster|was acknowledged/,
      );
    });
});

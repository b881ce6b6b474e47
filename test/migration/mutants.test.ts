/** Deliberate bugs, each of which one of the moves must tell. */

import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Etcd, HAS_ETCD } from '../../tools/support/etcd-process.js';
import { BUILT, type Edit, makeCopy } from '../../tools/support/mutant-copy.js';
import { useDirectory } from '../support/storage.js';
import { followEtcdUnderLoad, followUnderLoad, roundTrip } from './moves.js';

interface Mutant {
  readonly name: string;
  readonly edit: Edit;
  readonly move: 'there and back' | 'followed' | 'followed back';
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
    name: 'writes at a cluster do not wait at the cut-over',
    edit: {
      file: 'migration/cluster-link.js',
      search: "'CLIENT', 'PAUSE', ",
      replacement: "'CLIENT', 'PAUSE', '1' || ",
    },
    move: 'followed',
  },
  {
    name: 'a change after the copy loses its deadline',
    edit: {
      file: 'migration/follow.js',
      search: '{ ...record, deadlineMs });',
      replacement: '{ ...record, deadlineMs: this.#revision === 0 ? deadlineMs : 0 });',
    },
    move: 'followed',
  },
  {
    name: 'a copied key has another version',
    edit: {
      file: 'migration/follow.js',
      search: '{ key, value, version, revision, deadlineMs: 0 }',
      replacement:
        '{ key, value, version: this.#revision === 0 ? version + 1 : version, revision, deadlineMs: 0 }',
    },
    move: 'followed',
  },
  {
    name: 'writes at front ends do not wait at the cut-over',
    edit: {
      file: 'migration/cluster-link.js',
      search: "'CLIENT', 'PAUSE', ",
      replacement: "'CLIENT', 'PAUSE', '1' || ",
    },
    move: 'followed back',
  },
  {
    name: 'a change since the copy is left out',
    edit: {
      file: 'migration/changed-source.js',
      search: 'batchesOf(records,',
      replacement: 'batchesOf(records.slice(1),',
    },
    move: 'followed back',
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
      const load = { loadMs: 1_000, kills: 0, pauseS: 20 };
      const moving =
        move === 'followed'
          ? followUnderLoad({ ...run, ...load })
          : move === 'followed back'
            ? followEtcdUnderLoad({ ...run, ...load })
            : roundTrip({ ...run, kills: { there: 1, back: 1 } });
      const told = await moving.catch((error: Error) => error.message).finally(() => etcd.stop());
      expect(told).to.match(
        /the target has \d+ keys, the source \d+|differs|was acknowledged|were copied|has written after|not all was there/,
      );
    });
});

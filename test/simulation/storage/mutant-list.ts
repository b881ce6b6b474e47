/** Deliberate bugs of the storage, which a run of disk-run.ts must find: what the built code says, and what it says instead. */

import type { Edit } from '../../../tools/support/mutant-copy.js';

export interface StorageMutant extends Edit {
  readonly name: string;
}

export const STORAGE_MUTANTS: readonly StorageMutant[] = [
  {
    name: 'report a write of the log before it is on the disk',
    file: 'storage/segment-files.js',
    search: 'this.#files.openLog(this.#pathOf(number), { fsync: this.#fsync })',
    replacement: 'this.#files.openLog(this.#pathOf(number), { fsync: false })',
  },
  {
    name: 'write to a segment before it is written down that there is one',
    file: 'storage/segment-log.js',
    search: 'await retry(() => this.#options.onNewest(newest));',
    replacement: 'this.#options.onNewest(newest).catch(() => { });',
  },
  {
    name: 'accept a torn frame without a look at its checksum',
    file: 'storage/log-frame.js',
    search: 'if (segment.readUInt32LE(at) !== crc32(body))\n        return undefined;',
    replacement: '',
  },
  {
    name: 'report a hard state that is not written yet',
    file: 'storage/disk-storage.js',
    search: 'if (hardState !== undefined || entries.length > 0)',
    replacement:
      'if (entries.length === 0)\n            void this.#log.append({ hardState, entries }).catch(() => { });\n        else',
  },
  {
    name: 'have a snapshot count before it is whole',
    file: 'storage/disk-storage.js',
    search:
      'await this.#snapshots.publish(file, position).catch((error) => this.#failUnlessShortage(error));',
    replacement: 'this.#snapshots.publish(file, position).catch(() => { });',
  },
  {
    name: 'rename a file before its content is on the disk',
    file: 'storage/partial-file.js',
    search: 'if (this.#fsync)\n            await this.#file.sync();',
    replacement: '',
  },
  {
    name: 'forget to sync the directory after a rename',
    file: 'storage/partial-file.js',
    search: 'if (this.#fsync)\n            await this.#files.syncDirectory(dirname(path));',
    replacement: '',
  },
  {
    name: 'trust what was read after a write that failed',
    file: 'storage/segment-files.js',
    search: 'await writeWhole(file, frame, lastFrame);',
    replacement: '',
  },
  {
    name: 'trust a manifest that was read after its sync failed',
    file: 'storage/disk-storage.js',
    search: 'await manifest.update(manifest.state.isBegun ? {} : { newestSegment: undefined }, { fsync });',
    replacement: 'await files.syncDirectory(directory);',
  },
];

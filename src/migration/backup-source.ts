/** A backup as the source of a migration. It is read once as a whole before anything is copied, so a damaged one is refused. */

import type { Environment } from '../environment.js';
import { messageOf } from '../error-message.js';
import { BackupError } from '../storage/backup.js';
import type { Files } from '../storage/files.js';
import { readSnapshotFile } from '../storage/snapshot-files.js';
import type { Position, Source, SourceHead } from './ends.js';
import { NO_REVISIONS, recordsOfImage } from './image-source.js';
import { type MigratedRecord, RecordSum } from './record.js';

interface World {
  readonly files: Files;
  readonly environment: Environment;
}

export class BackupSource implements Source {
  readonly #path: string;
  readonly #world: World;
  readonly identity: string;
  readonly head: SourceHead;
  readonly total: number;

  private constructor(path: string, world: World, facts: Pick<Source, 'identity' | 'head' | 'total'>) {
    this.#path = path;
    this.#world = world;
    this.identity = facts.identity;
    this.head = facts.head;
    this.total = facts.total;
  }

  /** Rejects with BackupError. */
  static async open(path: string, world: World): Promise<BackupSource> {
    const sum = new RecordSum();
    let head: SourceHead = { clockMs: 0, revisions: NO_REVISIONS };
    const onHead = (found: SourceHead) => {
      head = found;
    };
    for await (const batch of read(path, world, { onHead })) sum.add(batch);
    const { count, checksum } = sum.sum;
    const identity = `backup ${count} ${checksum} ${head.revisions.last}`;
    return new BackupSource(path, world, { identity, head, total: count });
  }

  read({ records }: Position): AsyncIterable<readonly MigratedRecord[]> {
    return read(this.#path, this.#world, { skipped: records });
  }

  async close(): Promise<void> {}
}

async function* read(
  path: string,
  { files, environment }: World,
  options: Parameters<typeof recordsOfImage>[2],
): AsyncGenerator<readonly MigratedRecord[]> {
  try {
    yield* recordsOfImage(readSnapshotFile(files, path), environment, options);
  } catch (cause) {
    throw new BackupError(path, messageOf(cause), { cause });
  }
}

/**
 * Copies all keys of a source that does not change to a target, and compares both. It can be ended at any time, also by SIGKILL,
 * and gone on with: the target says how far it is, and of which source.
 */

import type { Found, Position, Source, Target } from './ends.js';
import { START } from './ends.js';
import { CompactedError, MigrationError } from './migration-errors.js';
import { type MigratedRecord, RecordSum, type SumOfRecords } from './record.js';

/** How far it is. */
export interface MigrationProgress {
  readonly does: 'copies' | 'verifies';
  readonly records: number;
  readonly total: number;
}

export interface MigrateOptions {
  readonly target: Target;
  /** Opens the source, as it was when the migration began that has this identity, if that is possible. */
  readonly openSource: (identity: string | undefined) => Promise<Source>;
  readonly onProgress: (progress: MigrationProgress) => void;
  /** Tells a line. */
  readonly say: (line: string) => void;
}

export interface Migrated {
  readonly sum: SumOfRecords;
  /** Nothing was left to be done. */
  readonly wasDone: boolean;
}

/** Rejects with MigrationError, or as the source and the target do. */
export async function migrate(options: MigrateOptions): Promise<Migrated> {
  const { target, say } = options;
  try {
    const found = await target.find();
    return await migrateFrom(found, options);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    say(error.message);
    await target.clear();
    return await migrateFrom({ state: 'nothing' }, options);
  }
}

async function migrateFrom(found: Found, options: MigrateOptions): Promise<Migrated> {
  const { target, openSource, say } = options;
  const source = await openSource(found.state === 'nothing' ? undefined : found.source);
  try {
    if (found.state !== 'nothing' && found.source !== source.identity)
      throw new MigrationError(
        `another migration was begun there, of ${found.source}, and this is ${source.identity}: empty the target first`,
      );
    if (found.state === 'done') return { sum: { count: found.count, checksum: '' }, wasDone: true };
    const position = found.state === 'begun' ? found.position : START;
    if (position.records > 0) say(`goes on after ${position.records} keys`);
    const sum = await copyAndVerify(source, options, position);
    await target.finish(sum);
    return { sum, wasDone: false };
  } finally {
    await source.close();
  }
}

/** Copies the records after that position, and compares all. Rejects with MigrationError, or as the source and the target do. */
export async function copyAndVerify(
  source: Source,
  options: Pick<MigrateOptions, 'target' | 'onProgress'>,
  position = START,
): Promise<SumOfRecords> {
  await options.target.begin(source, position);
  await copy(source, position, options);
  return verify(source, options);
}

async function copy(
  source: Source,
  position: Position,
  { target, onProgress }: Pick<MigrateOptions, 'target' | 'onProgress'>,
): Promise<void> {
  let { records } = position;
  for await (const batch of source.read(position)) {
    await target.write(batch);
    records += batch.length;
    onProgress({ does: 'copies', records, total: source.total });
  }
  await target.complete();
}

/** Reads both, and compares them. Rejects with MigrationError. */
async function verify(
  source: Source,
  { target, onProgress }: Pick<MigrateOptions, 'target' | 'onProgress'>,
): Promise<SumOfRecords> {
  const { asOfMs, records } = await target.readBack();
  const total = 2 * source.total;
  let read = 0;
  const add = async (sum: RecordSum, batches: AsyncIterable<readonly MigratedRecord[]>) => {
    for await (const batch of batches) {
      sum.add(batch);
      read += batch.length;
      onProgress({ does: 'verifies', records: read, total });
    }
    return sum.sum;
  };
  const there = await add(new RecordSum(asOfMs), records);
  const here = await add(new RecordSum(asOfMs), source.read(START));
  if (there.count !== here.count)
    throw new MigrationError(
      `the target has ${there.count} keys, the source ${here.count}: empty it and begin anew`,
    );
  if (there.checksum !== here.checksum)
    throw new MigrationError(
      `the target's ${there.count} keys differ from the source's, by their checksum: empty it and begin anew`,
    );
  return there;
}

/** The records of a store's image, in batches, whatever the image is read from. */

import { type Environment, endOfTurn } from '../environment.js';
import { SNAPSHOT_SLICE_BYTES } from '../limits.js';
import { MAX_BATCH_BYTES, MAX_BATCH_RECORDS } from '../migration-limits.js';
import { ImageReader } from '../state-machine/image.js';
import { contentAt, RECORD_HEADER_BYTES } from '../state-machine/record-layout.js';
import type { RevisionState } from '../state-machine/revisions.js';
import type { SourceHead } from './ends.js';
import { bytesOf, type MigratedRecord } from './record.js';

export const NO_REVISIONS: RevisionState = { last: 0, uncounted: 0 };

/**
 * All records of the image, from the one after the first `skipped` on. `onHead` hears what comes before them. Rejects as the
 * pieces do, or with ImageError.
 */
export async function* recordsOfImage(
  pieces: AsyncIterable<Uint8Array>,
  environment: Pick<Environment, 'atEndOfTurn'>,
  { skipped = 0, onHead }: { readonly skipped?: number; readonly onHead?: (head: SourceHead) => void } = {},
): AsyncGenerator<readonly MigratedRecord[]> {
  let records: MigratedRecord[] = [];
  let count = 0;
  let clockMs = 0;
  const reader = new ImageReader({
    clock: (ms) => {
      clockMs = ms;
      onHead?.({ clockMs, revisions: NO_REVISIONS });
    },
    revisions: (revisions) => onHead?.({ clockMs, revisions }),
    removals: () => undefined,
    sessions: { restore: () => undefined, add: () => undefined },
    dedupe: { restoreStart: () => undefined, restoreRow: () => undefined, restoreChunk: () => undefined },
    record: ({ memory, start, keyLength, valueLength }) => {
      count += 1;
      if (count <= skipped) return;
      const keyAt = start + RECORD_HEADER_BYTES;
      const valueAt = keyAt + keyLength;
      const value = memory.bytes.toString('latin1', valueAt, valueAt + valueLength);
      const content = contentAt(memory, start, value);
      records.push({ ...content, key: memory.bytes.toString('latin1', keyAt, valueAt), value });
    },
  });
  for await (const piece of pieces)
    for (let start = 0; start < piece.byteLength; start += SNAPSHOT_SLICE_BYTES) {
      reader.push(piece.subarray(start, start + SNAPSHOT_SLICE_BYTES));
      if (records.length === 0) continue;
      const read = records;
      records = [];
      yield* batchesOf(read, environment);
    }
  reader.end();
}

/** The records in batches as limits.ts has them, each in a turn of its own. */
export async function* batchesOf(
  records: readonly MigratedRecord[],
  environment: Pick<Environment, 'atEndOfTurn'>,
): AsyncGenerator<readonly MigratedRecord[]> {
  let batch: MigratedRecord[] = [];
  let byteCount = 0;
  for (const record of records) {
    const bytes = bytesOf(record);
    if (batch.length === MAX_BATCH_RECORDS || (batch.length > 0 && byteCount + bytes > MAX_BATCH_BYTES)) {
      await endOfTurn(environment);
      yield batch;
      batch = [];
      byteCount = 0;
    }
    batch.push(record);
    byteCount += bytes;
  }
  if (batch.length === 0) return;
  await endOfTurn(environment);
  yield batch;
}
